//! Tests of a binary again at the other vector levels of this processor.

use std::process::{Command, Output};

/// Runs this binary's tests whose names contain one of `filters` at each level, in a process of
/// its own: a process uses one level. Where the environment chooses a level, it is that of all
/// tests.
pub fn again(filters: &[&str]) {
    if std::env::var_os("GENRE_GPU_SIMD").is_some() {
        return;
    }
    let listed = run(filters, &["--list"], None);
    let tests = String::from_utf8_lossy(&listed.stdout).matches(": test\n").count();
    assert!(listed.status.success() && tests >= filters.len(), "{tests} tests of {filters:?}");
    let levels = genre_gpu::cpu::levels();
    assert_eq!(levels.first(), Some(&"baseline"));
    for level in levels {
        let output = run(filters, &[], Some(level));
        let text = String::from_utf8_lossy(&output.stdout);
        let well = output.status.success() && text.contains(&format!("{tests} passed"));
        assert!(well, "at {level}:\n{text}{}", String::from_utf8_lossy(&output.stderr));
    }
}

fn run(filters: &[&str], arguments: &[&str], level: Option<&str>) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(filters).args(arguments);
    if let Some(level) = level {
        command.env("GENRE_GPU_SIMD", level);
    }
    command.output().unwrap()
}
