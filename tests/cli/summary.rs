//! `genre-gpu summary`.

use super::program::Work;

#[test]
fn totals_of_p1() {
    let work = Work::empty();
    for (input, total) in [("80x80", "84,382"), ("128x87", "132,382"), ("128x25", "42,782")] {
        let ran = work.ok(&format!("summary --input {input}"));
        assert!(ran.out.contains(total), "{total} in {}", ran.out);
    }
    assert!(work.ok("summary").out.contains("84,382"));
    let words = "summary --samples 3360 --songs 224";
    assert!(work.ok(words).out.contains("25.1 per training sample (3,360)"));
    let json: serde_json::Value = serde_json::from_str(&work.ok("summary --json").out).unwrap();
    assert_eq!(json["trainable_parameters"], 84_382);
    assert_eq!(json["layers"][1]["output_shape"], serde_json::json!([80, 80, 4]));
}

#[test]
fn what_cannot_be_is_told() {
    let work = Work::empty();
    for (input, model, told) in [
        ("7x80", "p1", "p1 needs at least 8 mel bands x 8 frames: --input 8x80"),
        ("13x130", "p2", "p2 needs at least 18 mel bands x 1 frames: --input 18x130"),
    ] {
        let words = |input: &str| format!("summary --model {model} --input {input}");
        let ran = work.refuses(&words(input), &[told]);
        let (_, advice) = ran.err.rsplit_once("--input ").unwrap();
        work.ok(&words(advice.trim()));
    }
    work.refuses("summary --model p9", &["model p9: expected a built-in model (p1"]);
    work.fails("summary --model p9.toml", &["p9.toml: cannot read"]);
    work.refuses("summary --classes 1", &["at least 2"]);
    work.refuses("summary --samples 0", &["at least 1"]);
    work.refuses("summary --songs 3", &["--samples"]);
}
