//! Signals while nothing is trained.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Command, Stdio};

use crate::program::Work;

/// The program, which waits for a corpus that another process makes: nothing of it depends on time.
struct Waiting {
    child: Child,
    errors: BufReader<ChildStderr>,
    _lock: std::fs::File,
}

impl Waiting {
    /// After `setting` in a shell.
    fn start(work: &Work, setting: &str) -> Self {
        std::fs::create_dir(work.path("demo")).unwrap();
        let lock = std::fs::File::create(work.path("demo/demo.lock")).unwrap();
        lock.lock().unwrap();
        let script = format!("{setting}\nexec \"$0\" demo --cache-dir demo");
        let program = env!("CARGO_BIN_EXE_genre-gpu");
        let mut command = work.any_command("sh");
        let mut child =
            command.args(["-c", &script, program]).stderr(Stdio::piped()).spawn().unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let mut told = String::new();
        errors.read_line(&mut told).unwrap();
        assert!(told.contains("waiting for another process"), "{told}");
        Self { child, errors, _lock: lock }
    }

    fn send(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    fn handles_hang_up(&self) -> bool {
        cfg!(target_os = "linux") && self.has_hang_up("SigCgt")
    }

    /// Whether the first signal, SIGHUP, is in a mask of the process.
    fn has_hang_up(&self, mask: &str) -> bool {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let mask = status.lines().find_map(|line| line.strip_prefix(mask)).unwrap();
        u64::from_str_radix(mask.trim().trim_start_matches(':').trim(), 16).unwrap() & 1 == 1
    }

    /// The exit code, and what was said at the end.
    fn end(mut self) -> (Option<i32>, String) {
        let mut told = String::new();
        self.errors.read_to_string(&mut told).unwrap();
        (self.child.wait().unwrap().code(), told)
    }
}

#[test]
fn a_signal_outside_training_ends_at_once_and_leaves_nothing() {
    for signal in ["-INT", "-TERM", "-HUP"] {
        let work = Work::empty();
        let waiting = Waiting::start(&work, "");
        // Where these tests run without a terminal, SIGHUP may be ignored.
        let is_handled = signal != "-HUP" || waiting.handles_hang_up();
        waiting.send(if is_handled { signal } else { "-INT" });
        let (code, told) = waiting.end();
        assert_eq!((code, told.as_str()), (Some(130), "genre-gpu: interrupted\n"), "{signal}");
        assert_eq!(work.list("demo"), ["demo.lock"], "{signal}");
    }
}

/// As `nohup` has it.
#[cfg(target_os = "linux")]
#[test]
fn what_is_ignored_at_the_end_of_a_terminal_stays_ignored() {
    for setting in ["trap '' HUP", ""] {
        let work = Work::empty();
        let waiting = Waiting::start(&work, setting);
        let is_ignored = waiting.has_hang_up("SigIgn");
        assert!(is_ignored || setting.is_empty());
        assert_eq!(waiting.handles_hang_up(), !is_ignored);
        waiting.send("-HUP");
        waiting.send("-TERM");
        assert_eq!(waiting.end().0, Some(130));
    }
}
