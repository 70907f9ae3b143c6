"""Log-mel spectrograms of a sound by librosa or torchaudio on one thread; `log_mel` calls it. Prints the
seconds of each time as a line of JSON and writes the spectrogram, in dB below its maximum."""

import json
import os
import sys
import time

for name in ("OMP", "OPENBLAS", "MKL", "NUMBA"):
    os.environ[f"{name}_NUM_THREADS"] = "1"
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import numpy as np

RATE, FFT, HOP, BANDS = 22050, 2048, 512, 128


def librosa_form():
    import librosa

    def log_mel(samples):
        power = librosa.feature.melspectrogram(y=samples, sr=RATE, n_fft=FFT, hop_length=HOP, n_mels=BANDS)
        return librosa.power_to_db(power, ref=np.max)

    return log_mel, f"librosa {librosa.__version__}, numpy {np.__version__}"


def torchaudio_form():
    import torch
    import torchaudio

    torch.set_num_threads(1)
    # The same filters and zeros at the ends as librosa's.
    mel = torchaudio.transforms.MelSpectrogram(
        RATE, n_fft=FFT, hop_length=HOP, n_mels=BANDS, norm="slaney", mel_scale="slaney", pad_mode="constant"
    )
    decibels = torchaudio.transforms.AmplitudeToDB("power", top_db=80)

    def log_mel(samples):
        with torch.inference_mode():
            values = decibels(mel(torch.from_numpy(samples)))
            return (values - values.max()).numpy()

    return log_mel, f"torchaudio {torchaudio.__version__}, PyTorch {torch.__version__}"


def main(form, sound, times, write):
    log_mel, version = {"librosa": librosa_form, "torchaudio": torchaudio_form}[form]()
    samples = np.load(sound)
    np.save(write, log_mel(samples))
    seconds = []
    for _ in range(int(times)):
        begin = time.perf_counter()
        log_mel(samples)
        seconds.append(time.perf_counter() - begin)
    print(json.dumps({"version": version, "seconds": seconds}))


if __name__ == "__main__":
    main(*sys.argv[1:])
