//! Standard output and standard error.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use super::program::{Ran, Work};

const TRAIN: &str = "train --data data --epochs 3 --batch-size 16 --out run";

#[test]
fn quiet_prints_nothing() {
    let work = Work::new();
    let ran = work.ok(&format!("{TRAIN} --quiet"));
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", ""));
    let ran = work.ok("evaluate run --quiet");
    assert_eq!((ran.out.as_str(), ran.err.as_str()), ("", ""));
}

#[test]
fn lines_are_plain_where_there_is_no_terminal() {
    let work = Work::new();
    let ran = work.ok(TRAIN);
    assert_eq!(ran.err, "");
    assert!(!ran.out.contains(['\x1b', '\r']), "{:?}", ran.out);
    let lines: Vec<&str> = ran.out.lines().filter(|line| line.starts_with("Epoch")).collect();
    assert_eq!(lines.len(), 3);
    for (i, line) in lines.iter().enumerate() {
        let parts: Vec<&str> = line.split("  ").collect();
        let [epoch, seconds, figures @ ..] = parts.as_slice() else { panic!("{line}") };
        assert_eq!(*epoch, format!("Epoch {}/3", i + 1));
        assert!(seconds.strip_suffix('s').unwrap().parse::<f64>().is_ok(), "{line}");
        let names = ["loss", "acc", "val_loss", "val_acc"];
        assert_eq!(figures.len(), names.len(), "{line}");
        for (figure, name) in figures.iter().zip(names) {
            let (found, value) = figure.split_once(' ').unwrap();
            assert_eq!(found, name, "{line}");
            assert_eq!(value.split_once('.').unwrap().1.len(), 4, "{line}");
            assert!(value.parse::<f32>().unwrap().is_finite(), "{line}");
        }
    }
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let work = Work::new();
    let args: Vec<&str> = TRAIN.split_whitespace().collect();
    let mut child =
        work.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    drop(reader);
    let ran = Ran::of(&child.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    assert!(line.starts_with("Data: "), "{line}");
    assert!(work.exists("run/metrics.json") && work.exists("run/summary.txt"));
}

#[test]
fn the_summary_and_help_bear_it_too() {
    let work = Work::empty();
    for args in [&["summary"][..], &["--help"], &["train", "--help"]] {
        let mut child =
            work.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let ran = Ran::of(&child.wait_with_output().unwrap());
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{args:?}");
    }
}
