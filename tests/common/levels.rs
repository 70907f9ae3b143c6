//! Tests of a binary again at the other vector levels that this processor has.

use std::process::Command;

/// Runs the named tests of this very binary at each level, in a process of its own: a level is
/// chosen once for a process. Whoever forces a level has chosen it for these tests, too.
pub fn again(tests: &[&str]) {
    if std::env::var_os("GENRE_GPU_SIMD").is_some() {
        return;
    }
    let levels = genre_gpu::cpu::levels();
    assert_eq!(levels.first(), Some(&"baseline"));
    for level in levels {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(tests).arg("--exact").env("GENRE_GPU_SIMD", level);
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let passed = format!("{} passed", tests.len());
        let well = output.status.success() && text.contains(&passed);
        assert!(well, "at {level}:\n{text}{}", String::from_utf8_lossy(&output.stderr));
    }
}
