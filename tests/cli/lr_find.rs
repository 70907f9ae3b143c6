//! `lr-find`.

use serde_json::Value;

use super::program::Work;

const FILES: [&str; 4] = ["lr-find.csv", "lr-find.json", "lr-find.png", "lr-find.svg"];

#[test]
fn a_rate_is_suggested_and_the_same_seed_gives_the_same_bits() {
    let work = Work::new();
    let words = "lr-find --data data --batch-size 8 --momentum 0.9 --steps 60";
    let ran = work.ok(&format!("{words} --out one"));
    work.ok(&format!("{words} --threads 1 --out two"));
    assert_eq!(work.list("one"), FILES);
    for file in FILES {
        assert!(work.read(&format!("one/{file}")) == work.read(&format!("two/{file}")), "{file}");
    }
    let found: Value = serde_json::from_str(&work.text("one/lr-find.json")).unwrap();
    let points = found["points"].as_array().unwrap();
    let rate = |point: &Value| point["learning_rate"].as_f64().unwrap();
    assert!(points.windows(2).all(|pair| rate(&pair[0]) < rate(&pair[1])));
    assert!((rate(&points[0]) - 1e-6).abs() < 1e-12);
    assert_eq!(work.text("one/lr-find.csv").lines().count(), points.len() + 1);
    let suggested = found["suggested"].as_f64().unwrap();
    assert!((1e-5..1.0).contains(&suggested), "{suggested}");
    assert!(ran.out.contains(&format!("Suggested learning rate: {suggested}")), "{}", ran.out);
    let svg = work.text("one/lr-find.svg");
    assert!(svg.contains(&format!("suggested: {suggested}")) && svg.contains("<style>"), "{svg}");

    // The command that it prints is one.
    let command = found["command"].as_str().unwrap();
    assert!(ran.out.ends_with(&format!("  {command}\n")), "{}", ran.out);
    let words = command.strip_prefix("genre-gpu ").unwrap();
    assert!(words.contains("--momentum 0.9") && words.contains("--batch-size 8"), "{words}");
    work.ok(&format!("{words} --epochs 1 --out run"));
    let config = work.text("run/config.toml");
    assert!(config.contains(&format!("learning-rate = {suggested}\n")), "{config}");
}

#[test]
fn the_test_ends_where_the_loss_diverges() {
    let work = Work::new();
    let ran = work.ok("lr-find --data data --steps 40 --from 0.01 --to 1e6 --out rates --json");
    let found: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(found["end"], "diverged");
    assert!(found["points"].as_array().unwrap().len() < 40);
}

#[test]
fn what_does_not_fit_is_refused() {
    let work = Work::new();
    for (flags, told) in [
        ("--from 0", "--from: expected a finite number above 0"),
        ("--from 1 --to 0.1", "--to: expected a finite number above --from"),
        ("--steps 3", "--steps: expected 10 to 100000"),
    ] {
        work.refuses(&format!("lr-find --data data --out rates {flags}"), &[told]);
        assert!(!work.exists("rates"), "{flags}");
    }
    work.ok("lr-find --data data --steps 10 --out rates");
    work.fails("lr-find --data data --steps 10 --out rates", &["lr-find.png", "--overwrite"]);
    work.ok("lr-find --data data --steps 10 --out rates --overwrite");
}

#[test]
fn settings_come_from_the_model_and_a_file() {
    let work = Work::new();
    work.write("mine.toml", "data = \"data\"\nbatch-size = 8\nmomentum = 0.9\n");
    let ran = work.ok("lr-find --config mine.toml --steps 60 --out rates");
    assert!(ran.out.contains("genre-gpu train --config mine.toml --learning-rate"), "{}", ran.out);
    assert!(!ran.out.contains("--momentum"), "{}", ran.out);
}
