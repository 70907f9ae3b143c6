//! From the process's arguments to commands; what is wrong with them, in plain words.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches};

use super::Cli;
use super::say::tell;

/// What people call a GPU's interface, where this program says gpu.
const GPU_WORDS: [&str; 12] = [
    "cuda", "mps", "vulkan", "metal", "rocm", "hip", "dx12", "wgpu", "opencl", "nvidia", "amd",
    "intel",
];
/// Flags of other programs, and what is here instead. Underscores count as hyphens.
const ELSEWHERE: [(&[&str], &str); 34] = [
    (
        &["--optimiser", "--adam", "--adamw", "--sgd", "--opt"],
        "train has --optimizer sgd, adam or adamw",
    ),
    (
        &[
            "--x-train",
            "--y-train",
            "--song-train",
            "--x-val",
            "--y-val",
            "--song-val",
            "--x-test",
            "--y-test",
            "--song-test",
        ],
        "names of arrays are one flag: --arrays x_train=NAME,y_train=NAME,...",
    ),
    (
        &["--early-stop", "--patience", "--callbacks", "--restore-best-weights"],
        "train --early-stopping PATIENCE stops early and keeps the best epoch's weights",
    ),
    (&["--class-weight", "--weights-of-classes"], "train has --class-weights"),
    (&["--lr-range-test", "--lr-finder", "--find-lr"], "genre-gpu lr-find tests learning rates"),
    (
        &["--l2", "--regularization", "--kernel-regularizer"],
        "penalties stand in a model's file: l2 = 0.001 for a dense layer (see genre-gpu models)",
    ),
    (&["--wd"], "train has --weight-decay"),
    (
        &[
            "--optimizer",
            "--learning-rate",
            "--momentum",
            "--nesterov",
            "--weight-decay",
            "--clip-norm",
            "--schedule",
            "--warmup",
            "--early-stopping",
            "--label-smoothing",
            "--class-weights",
            "--augment",
            "--scale",
            "--shuffle",
            "--keep",
        ],
        "that is a setting of train; compare and lr-find take such settings from a file: --config FILE with \
         optimizer = \"adam\" or scale = \"none\"",
    ),
    (
        &["--clipnorm", "--global-clipnorm", "--grad-clip", "--clip-grad-norm", "--max-grad-norm"],
        "train has --clip-norm",
    ),
    (&["--beta1", "--beta2", "--betas"], "train has --beta-1 and --beta-2"),
    (&["--eps"], "train has --epsilon"),
    (&["--dropout", "--dropout-rate"], "dropout stands in a model's file: op = \"dropout\""),
    (
        &["--gpu", "--cuda", "--cpu", "--mps", "--use-gpu", "--no-cuda", "--gpus", "--accelerator"],
        "a device is chosen by --device cpu or --device gpu, among GPUs by --adapter",
    ),
    (&["--lr", "--eta", "--rate"], "train has --learning-rate"),
    (&["--lr-scheduler", "--scheduler", "--lr-decay", "--decay"], "train has --schedule"),
    (
        &["--num-epochs", "--n-epochs", "--nb-epoch", "--nb-epochs", "--max-epochs", "--epoch"],
        "train has --epochs",
    ),
    (&["--batch", "--bs", "--mini-batch", "--train-batch-size"], "train has --batch-size"),
    (&["--loss", "--criterion"], "the loss is the categorical cross-entropy"),
    (
        &["--metrics"],
        "loss and accuracy are computed by epoch; evaluate adds precision, recall, F1 and a matrix",
    ),
    (
        &["--validation-split", "--val-split", "--test-size", "--val-size", "--train-size"],
        "--split song or --split sample divides one x and y into 56, 14 and 30 %",
    ),
    (
        &["--workers", "--num-workers", "--n-jobs", "--jobs", "--cores", "--num-threads"],
        "the number of threads is --threads",
    ),
    (&["--random-state", "--random-seed", "--manual-seed"], "the seed is --seed"),
    (&["--nfft", "--fft", "--fft-size"], "prepare has --n-fft"),
    (&["--win-length", "--window"], "prepare has --n-fft; its window, Hann, is as long"),
    (&["--hop-length", "--hop-size"], "prepare has --hop"),
    (&["--n-mels", "--nmels", "--num-mels", "--n-mel"], "prepare has --mels"),
    (&["--fmax"], "prepare has --f-max"),
    (&["--fmin"], "prepare has --f-min"),
    (&["--sr", "--samplerate", "--sampling-rate"], "prepare has --sample-rate"),
    (&["--duration"], "prepare has --frames, the length of a segment in frames, and --segments"),
    (
        &["--dataset", "--data-dir", "--data-path", "--input-dir", "--train-dir"],
        "arrays are given by --data; prepare makes them of sound",
    ),
    (
        &["--output", "--output-dir", "--save", "--save-dir", "--log-dir", "--logdir", "--name"],
        "results go to the folder --out",
    ),
    (&["--checkpoint", "--resume-from", "--load", "--weights"], "train has --resume RUN"),
    (
        &["--amp", "--fp16", "--bf16", "--half", "--precision", "--mixed-precision"],
        "all arithmetic is in 32-bit floats",
    ),
];
/// The standard library's words for numbers, and plain ones.
const PLAIN: [(&str, &str); 8] = [
    (" is not in ", " is not in the range "),
    ("..=", " to "),
    ("invalid digit found in string", "expected a whole number without a sign"),
    ("cannot parse integer from empty string", "expected a whole number"),
    ("number too large to fit in target type", "the number is too large"),
    ("number too small to fit in target type", "the number is too small"),
    ("invalid float literal", "expected a number"),
    ("cannot parse float from empty string", "expected a number"),
];

/// The command line's grammar. Only `--help` has examples and rare flags, `-h` fits a screen.
pub(super) fn command(examples: bool) -> clap::Command {
    let run_data = "Folder of .npy files or .npz [default: the run's own data]";
    let p2_device = "Where P2 runs (P1 runs on the CPU) [default: gpu, or cpu if there is no \
                     hardware GPU]";
    // With a flag that is hidden in short help clap would print all flags over two lines in the long one.
    let listed = |arg: clap::Arg| if examples { arg.hide_short_help(false) } else { arg };
    let negative = |arg: clap::Arg| match arg.get_action().takes_values() && !arg.is_positional() {
        // So that the flag's own message says what it expects.
        true => arg.allow_negative_numbers(true),
        false => arg,
    };
    Cli::command()
        .mut_subcommand("evaluate", |c| c.mut_arg("data", |arg| arg.help(run_data)))
        .mut_subcommand("explain", |c| c.mut_arg("data", |arg| arg.help(run_data)))
        .mut_subcommand("assignment", |c| c.mut_arg("device", |arg| arg.help(p2_device)))
        .mut_subcommands(|command| {
            let command = command.mut_args(negative).mut_args(listed);
            match examples || command.get_after_help().is_none() {
                true => command,
                false => command.after_help("--help has examples."),
            }
        })
}

/// The process's arguments, or the exit code if there is nothing to do.
pub(super) fn parse(arguments: &[OsString]) -> Result<Cli, ExitCode> {
    let examples = arguments.iter().any(|arg| arg == "--help" || arg == "help");
    let parsed = command(examples)
        .try_get_matches_from(arguments)
        .and_then(|mut matches| Cli::from_arg_matches_mut(&mut matches));
    parsed.map_err(|error| {
        let code = ExitCode::from(error.exit_code() as u8);
        match error.kind() {
            // A closed pipe is not an error.
            ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => drop(error.print()),
            _ => tell(&plain(error)),
        }
        code
    })
}

/// Clap's message with hints, in this program's voice.
fn plain(mut error: clap::Error) -> String {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.to_lowercase(),
        _ => String::new(),
    };
    let (arg, value) = (context(ContextKind::InvalidArg), context(ContextKind::InvalidValue));
    let word = value.split([':', ' ']).next().unwrap_or_default();
    if arg.starts_with("--device") && (GPU_WORDS.contains(&word) || value.parse::<u32>().is_ok()) {
        let hint = "a GPU of any make is 'gpu'; --adapter chooses one by its name or interface";
        error.remove(ContextKind::SuggestedValue);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![hint.into()]));
    }
    // `--fmax=8000` is one word.
    let flag = arg.split('=').next().unwrap_or_default().replace('_', "-");
    let unknown = error.kind() == ErrorKind::UnknownArgument;
    let elsewhere = ELSEWHERE.iter().find(|(flags, _)| unknown && flags.contains(&flag.as_str()));
    if let Some((_, hint)) = elsewhere {
        error.remove(ContextKind::SuggestedArg);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![(*hint).into()]));
    }
    let text = error.render().to_string();
    let text = PLAIN.iter().fold(text, |text, (from, to)| text.replace(from, to));
    text.strip_prefix("error: ").unwrap_or(&text).trim_end().to_owned()
}

/// Starts the program again with `XDG_RUNTIME_DIR` set where it is not. Vulkan's loader looks for a
/// window system there and without the variable prints "error: ..." for each look; a folder that does
/// not exist keeps it silent. A process cannot set a variable for itself once it may have threads,
/// without `unsafe`.
pub(super) fn quiet_vulkan_loader() {
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::process::CommandExt;
        const VARIABLE: &str = "XDG_RUNTIME_DIR";
        if std::env::var_os(VARIABLE).is_some_and(|folder| !folder.is_empty()) {
            return;
        }
        let Ok(program) = std::env::current_exe() else { return };
        let mut args = std::env::args_os();
        let mut again = std::process::Command::new(program);
        if let Some(name) = args.next() {
            again.arg0(name);
        }
        // Returns only if it failed: then the lines are printed, and nothing else is lost.
        let _ = again.args(args).env(VARIABLE, "/nonexistent").exec();
    }
}
