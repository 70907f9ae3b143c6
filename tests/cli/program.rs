//! Runs the binary in a temporary folder and looks at what comes back.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::OnceLock;

use super::data::Set;

/// A folder to work in; relative paths on a command line start there.
pub struct Work(tempfile::TempDir);

/// How [`Work::trained`] trains, but for epochs and folder.
pub const TRAIN: &str =
    "train --data data --batch-size 8 --momentum 0.9 --keep best --learning-rate 0.005";

/// What a run of the program gave.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Work {
    pub fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With a small data set in `data`.
    pub fn new() -> Self {
        Self::with(Set::default())
    }

    pub fn with(set: Set) -> Self {
        let work = Self::empty();
        set.write(&work.path("data"));
        work
    }

    /// With a data set in `data` and a run of two epochs on it in `run`, made once for all tests.
    pub fn trained() -> Self {
        static RUN: OnceLock<Vec<(String, Vec<u8>)>> = OnceLock::new();
        let run = RUN.get_or_init(|| {
            let work = Self::new();
            work.ok(&format!("{TRAIN} --epochs 2 --out run"));
            let file = |name: String| (name.clone(), work.read(&format!("run/{name}")));
            work.list("run").into_iter().map(file).collect()
        });
        let work = Self::new();
        std::fs::create_dir(work.path("run")).unwrap();
        run.iter().for_each(|(name, bytes)| work.write(&format!("run/{name}"), bytes));
        // The path of its data is whole, and leads to where it was made.
        let line = |line: &str| match line.starts_with("data = ") {
            true => format!("data = {:?}\n", work.path("data")),
            false => format!("{line}\n"),
        };
        work.write(
            "run/config.toml",
            work.text("run/config.toml").lines().map(line).collect::<String>(),
        );
        work
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).unwrap()
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    pub fn exists(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// Names of the files in a folder, sorted.
    pub fn list(&self, name: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(name)).unwrap();
        let name = |e: std::io::Result<std::fs::DirEntry>| e.unwrap().file_name();
        let mut names: Vec<String> =
            entries.map(|e| name(e).to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Readies `program`; the user's own cache is out of its reach.
    pub fn any_command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.0.path());
        command.env("HOME", self.0.path()).env("XDG_CACHE_HOME", self.path("cache"));
        // Mesa says a line on standard error where there is none.
        command.env("XDG_RUNTIME_DIR", self.0.path());
        // Compiled shaders are shared: compiling them takes longer than most tests.
        command.env("MESA_SHADER_CACHE_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/mesa"));
        command.env_remove("RUST_BACKTRACE");
        command
    }

    /// Readies the binary.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = self.any_command(env!("CARGO_BIN_EXE_genre-gpu"));
        command.args(args);
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        Ran::of(&self.command(args).output().unwrap())
    }

    /// Runs words that are split at spaces; it must end with 0.
    pub fn ok(&self, words: &str) -> Ran {
        let ran = self.run(&words.split_whitespace().collect::<Vec<_>>());
        assert_eq!(ran.code, Some(0), "{words}\n{}\n{}", ran.out, ran.err);
        ran
    }

    /// It must fail with 1, with a message that begins as messages do and contains all of `told`.
    pub fn fails(&self, words: &str, told: &[&str]) -> Ran {
        let ran = self.run(&words.split_whitespace().collect::<Vec<_>>());
        ran.failed(words, told);
        ran
    }

    /// Likewise with 2: the command line is wrong.
    pub fn refuses(&self, words: &str, told: &[&str]) -> Ran {
        let ran = self.run(&words.split_whitespace().collect::<Vec<_>>());
        assert_eq!(ran.code, Some(2), "{words}\n{}\n{}", ran.out, ran.err);
        assert_eq!(ran.out, "", "{words}");
        ran.told(words, told);
        ran
    }
}

impl Ran {
    /// No output of the program may ever show a panic.
    pub fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        for word in ["panicked", "RUST_BACKTRACE", "unwrap"] {
            assert!(!out.contains(word) && !err.contains(word), "{out}\n{err}");
        }
        Self { code: output.status.code(), out, err }
    }

    pub fn failed(&self, what: &str, told: &[&str]) {
        assert_eq!(self.code, Some(1), "{what}\n{}\n{}", self.out, self.err);
        // Drivers may write lines of their own.
        let ours = self.err.lines().any(|line| line.starts_with("genre-gpu: "));
        assert!(ours, "{what}\n{}", self.err);
        self.told(what, told);
    }

    pub fn told(&self, what: &str, told: &[&str]) {
        for part in told {
            assert!(self.err.contains(part), "{what}: no {part:?} in\n{}", self.err);
        }
    }
}
