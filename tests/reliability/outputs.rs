//! Outputs respect what is there, and inputs have an end.

use super::program::Work;

#[cfg(unix)]
mod unix {
    use super::super::program::Ran;
    use super::Work;
    use genre_gpu::files::{write_atomic, write_output};
    use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};

    fn pipe(work: &Work, name: &str) {
        assert!(work.any_command("mkfifo").arg(name).status().unwrap().success());
    }

    #[test]
    fn a_link_is_written_through_and_the_mode_kept() {
        let work = Work::empty();
        std::fs::create_dir(work.path("far")).unwrap();
        work.write("far/report.html", "older");
        let mode = std::fs::Permissions::from_mode(0o640);
        std::fs::set_permissions(work.path("far/report.html"), mode).unwrap();
        symlink("far/report.html", work.path("one")).unwrap();
        symlink("one", work.path("two")).unwrap();
        symlink("far/new.html", work.path("dangling")).unwrap();
        for (link, file) in [("two", "far/report.html"), ("dangling", "far/new.html")] {
            write_output(&work.path(link), |to| to.write_all(b"newer")).unwrap();
            assert!(work.path(link).is_symlink());
            assert_eq!(work.text(file), "newer");
        }
        let mode = |name: &str| work.path(name).metadata().unwrap().mode() & 0o777;
        assert_eq!(mode("far/report.html"), 0o640);
        symlink("circle", work.path("circle")).unwrap();
        assert!(write_output(&work.path("circle"), |to| to.write_all(b"x")).is_err());
        assert_eq!(work.list("far"), ["new.html", "report.html"]);
        // Within this program's own folders a link is replaced, and what it leads to is not touched.
        write_atomic(&work.path("two"), |to| to.write_all(b"own")).unwrap();
        assert!(!work.path("two").is_symlink());
        assert_eq!(work.text("far/report.html"), "newer");
    }

    #[test]
    fn pipes_and_devices_stay_what_they_are() {
        let work = Work::empty();
        pipe(&work, "pipe");
        let reader = std::thread::spawn({
            let path = work.path("pipe");
            move || std::fs::read(path).unwrap()
        });
        write_output(&work.path("pipe"), |to| to.write_all(b"through")).unwrap();
        assert_eq!(reader.join().unwrap(), b"through");
        assert!(work.path("pipe").metadata().unwrap().file_type().is_fifo());
        symlink("/dev/null", work.path("null")).unwrap();
        for name in ["null", "/dev/null"] {
            write_output(&work.path(name), |to| to.write_all(b"nowhere")).unwrap();
        }
        let null = std::fs::metadata("/dev/null").unwrap();
        assert!(null.file_type().is_char_device() && null.permissions().mode() & 0o777 == 0o666);
    }

    /// A reader that waits for a pipe, or reads a device to its end, would hang the test.
    #[test]
    fn inputs_without_an_end_are_refused() {
        let work = Work::trained();
        pipe(&work, "pipe.wav");
        std::fs::create_dir(work.path("arrays")).unwrap();
        symlink("/dev/zero", work.path("zero.npz")).unwrap();
        symlink("/dev/zero", work.path("list.csv")).unwrap();
        for words in [
            "predict run pipe.wav --front-end librosa-2s,mels=16",
            "predict run /dev/zero --front-end librosa-2s,mels=16",
            "train --data zero.npz --out new",
            "train --data data --config pipe.wav --out new",
            "prepare data --csv list.csv --out new",
        ] {
            work.fails(words, &["expected a regular file, found a"]);
        }
        assert!(!work.exists("new"));
        std::fs::remove_file(work.path("run/config.toml")).unwrap();
        pipe(&work, "run/config.toml");
        work.fails("evaluate run", &["run/config.toml: cannot read: expected a regular file"]);
    }

    #[test]
    fn links_inside_a_run_do_not_lead_out_of_it() {
        let work = Work::trained();
        std::fs::create_dir(work.path("precious")).unwrap();
        for name in ["explain.json", "indices_train.csv", "train_grid.png"] {
            work.write(&format!("precious/{name}"), "mine");
        }
        symlink("../precious", work.path("run/explain")).unwrap();
        work.fails("explain run --no-checks", &["run/explain: cannot", "leads out of its folder"]);
        assert_eq!(work.text("precious/indices_train.csv"), "mine");
        assert_eq!(work.list("precious").len(), 3);
        std::fs::create_dir(work.path("out")).unwrap();
        symlink("../precious", work.path("out/.prepare")).unwrap();
        work.fails("prepare data --out out", &[]);
        assert_eq!(work.list("precious").len(), 3);
    }

    #[test]
    fn an_interrupted_explanation_leaves_the_older_one() {
        let work = Work::trained();
        work.ok("explain run --no-checks");
        let before = super::super::writers::contents(&work, "run/explain");
        // No file may grow beyond 8 blocks: the pictures do.
        let program = env!("CARGO_BIN_EXE_genre-gpu");
        let script = format!("trap '' XFSZ; ulimit -f 8; exec '{program}' explain run --no-checks");
        let ran = Ran::of(&work.any_command("sh").args(["-c", &script]).output().unwrap());
        ran.failed("full", &["cannot write"]);
        assert!(super::super::writers::contents(&work, "run/explain") == before);
        // A process that was killed before it could replace: the complete one is taken, others not.
        std::fs::create_dir(work.path("run/explain/.explain-new")).unwrap();
        work.write("run/explain/.explain-new/indices_train.csv", "half");
        work.ok("explain run --no-checks");
        assert!(!work.exists("run/explain/.explain-new"));
        assert!(work.text("run/explain/indices_train.csv") != "half");
    }
}

#[test]
fn a_clock_before_1970_has_no_date() {
    use genre_gpu::files::day_and_time;
    use std::time::{Duration, SystemTime};
    let at = |seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).unwrap();
    assert_eq!(day_and_time(at(1_000_000_000)).unwrap(), "2001-09-09T01:46:40Z");
    assert_eq!(day_and_time(at(300_000_000_000)), None);
    assert_eq!(day_and_time(SystemTime::UNIX_EPOCH - Duration::from_secs(1)), None);
}

#[test]
fn an_empty_name_is_no_folder() {
    let work = Work::empty();
    let mut command = work.command(&["demo"]);
    let output = command.env("GENRE_GPU_CACHE", "").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_report_is_what_its_name_says() {
    let work = Work::trained();
    work.ok("explain run --no-checks --quiet");
    let names =
        ["run.pdf", "run.PDF", "run.docx", "run.odt", "run.tex", "run.md", "run.txt", "run.png"];
    for name in names {
        for format in ["", " --format html"] {
            let told =
                format!("--out: expected a name that ends in .html or .ipynb, found {name}; for");
            work.refuses(
                &format!("report run --out {name}{format}"),
                &[&told, "print it into a file"],
            );
        }
    }
    work.refuses("report run --format ipynb --out x.html", &["ends in .ipynb, for --format ipynb"]);
    work.refuses("report run --format html --out x.ipynb", &["ends in .html, for --format html"]);
    assert_eq!(work.list(""), ["data", "run"], "nothing was written");
    for (name, what) in
        [("a.HTM", "HTML"), ("b", "HTML"), ("v1.2", "HTML"), ("c.IPYNB", "a notebook")]
    {
        let ran = work.ok(&format!("report run --out {name}"));
        assert!(ran.out.contains(&format!("The report is in {name} ({what}, ")), "{}", ran.out);
        assert_eq!(work.text(name).starts_with("<!"), what == "HTML", "{name}");
    }
}

#[test]
fn a_hyphen_is_standard_output_or_no_folder() {
    let work = Work::trained();
    work.ok("explain run --no-checks --quiet");
    let page = work.ok("report run --out -").out;
    assert!(page.starts_with("<!") && page.trim_end().ends_with("</html>"));
    let notebook = work.ok("report run --format ipynb --out -").out;
    assert!(notebook.starts_with('{') && notebook.trim_end().ends_with('}'));
    for words in [
        "train --data data --out -",
        "compare --models p1 --seeds 1 --data data --out -",
        "assignment --data data --out -",
        "explain run --out -",
        "evaluate run --out -",
        "prepare data --out -",
        "demo --wav -",
        "demo --arrays -",
        "man -",
    ] {
        work.refuses(words, &["expected a folder, found -", "./-"]);
    }
    assert_eq!(work.list(""), ["data", "run"]);
    work.ok(&format!("{} --epochs 1 --out ./-", super::program::TRAIN));
    assert!(work.exists("-/model.safetensors"));
}

#[test]
fn a_missing_folder_is_named() {
    let work = Work::trained();
    work.ok("explain run --no-checks --quiet");
    for (out, folder) in [("none/x.html", "none"), ("none/deep/x.ipynb", "none/deep")] {
        let told =
            format!("{out}: cannot write: there is no folder {folder}; make it first (mkdir -p");
        let ran = work.fails(&format!("report run --out {out}"), &[&told]);
        assert!(!ran.err.contains("partial"), "{}", ran.err);
    }
    // A file in the way of a folder.
    work.write("file", "");
    let ran =
        work.fails("report run --out file/x.html", &["file/x.html: cannot write: Not a directory"]);
    assert!(!ran.err.contains("partial"), "{}", ran.err);
}
