//! `export` and `import` without other programs: what is written comes back, and what is none is refused.
//! python/tests/test_formats.py holds the files against Keras and ONNX Runtime.

use std::io::{Cursor, Read, Write};

use serde_json::{Value, json};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use super::program::Work;

const FILES: [&str; 5] =
    ["model.keras", "model.weights.h5", "model.onnx", "model.npz", "model.safetensors"];

/// An entry of an archive.
fn entry(archive: &[u8], name: &str) -> Vec<u8> {
    let mut zip = ZipArchive::new(Cursor::new(archive)).unwrap();
    let mut bytes = Vec::new();
    zip.by_name(name).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

/// A `.keras` file with another `config.json`, and weights without this program's facts.
fn keras_with(work: &Work, config: &Value) -> Vec<u8> {
    let archive = work.read("model.keras");
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let weights = entry(&archive, "model.weights.h5");
    let metadata = entry(&archive, "metadata.json");
    let entries = [
        ("metadata.json", metadata),
        ("config.json", config.to_string().into_bytes()),
        ("model.weights.h5", weights),
    ];
    for (name, bytes) in entries {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(&bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn each_format_comes_back_in_every_bit() {
    let work = Work::trained();
    let own = work.read("run/model.safetensors");
    for (format, file) in ["keras", "keras-weights", "onnx", "npz", "safetensors"].iter().zip(FILES)
    {
        let ran = work.ok(&format!("export run --format {format}"));
        assert!(ran.out.starts_with(&format!("Wrote {file}: ")), "{}", ran.out);
        // Equal models are equal files, and the name alone says the format.
        let bytes = work.read(file);
        work.ok(&format!("export run --out again-{file}"));
        assert!(work.read(&format!("again-{file}")) == bytes, "{file}");
        let ran = work.run(&["import", file, "--out", "back", "--overwrite"]);
        assert_eq!(ran.code, Some(0), "{file}: {}", ran.err);
        assert_eq!(ran.err, "", "{file}: nothing is unknown");
        assert!(work.read("back/model.safetensors") == own, "{file}");
    }
    assert!(work.read("model.safetensors") == own);
    assert!(
        work.text("back/config.toml").contains("model = \"p1\""),
        "its layers are a built-in's"
    );

    // What is imported is a run.
    let evaluate = |run: &str| {
        work.ok(&format!("evaluate {run} --data data --out {run}-results"));
        work.read(&format!("{run}-results/predictions_test.csv"))
    };
    assert!(evaluate("back") == evaluate("run"));
    work.ok("export back --out back.keras");
    assert!(work.read("back.keras") == work.read("model.keras"));
    work.ok("explain back --data data --no-checks");
    work.fails("evaluate back", &["was imported", "--data PATH"]);
    work.fails("report back", &["was imported", "no history"]);
    work.fails("train --resume back", &["was imported"]);
}

#[test]
fn an_export_is_of_one_format() {
    let work = Work::trained();
    work.refuses("export run", &["--format", "found none"]);
    work.refuses("export run --out model.txt", &["--format", "model.txt"]);
    work.refuses("export run --format onnx --out model.keras", &["--out", "model.onnx"]);
    work.refuses("export run --out model.h5", &["--out", ".weights.h5"]);
    work.refuses("export run --format onnx --webgpu", &["--webgpu"]);
    work.refuses("export run --format onnx --batch-size 4", &["--batch-size", "webgpu"]);
    work.refuses("export run --format onnx --tiles wide", &["--tiles", "webgpu"]);
    work.fails("export run --format onnx --out nosuch/a.onnx", &["no folder nosuch"]);
    work.ok("export run --format webgpu");
    work.ok("export run --out other.json");
    assert!(work.read("webgpu.json") == work.read("other.json"));
    let output =
        work.command(&["export", "run", "--format", "npz", "--out", "-"]).output().unwrap();
    work.ok("export run --format npz");
    assert!(output.stdout == work.read("model.npz"));
}

#[test]
fn flags_say_what_a_file_does_not() {
    let work = Work::trained();
    work.ok("export run --format keras");
    let config: Value =
        serde_json::from_slice(&entry(&work.read("model.keras"), "config.json")).unwrap();
    let names: Vec<&str> = config["config"]["layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|layer| layer["name"].as_str().unwrap())
        .collect();
    assert_eq!(names[..3], ["spectrogram", "scale", "conv2d"]);
    // Other names and another scale.
    work.ok(
        "import model.keras --name other --classes a,b,c,d --mean 1.5 --deviation 2 --out other",
    );
    assert!(work.text("other/config.toml").contains("model = \"other\"\n"));
    assert!(work.text("other/other.toml").contains("[[node]]"));
    let header = String::from_utf8_lossy(&work.read("other/model.safetensors")).into_owned();
    assert!(header.contains(r#"\"classes\":[\"a\",\"b\",\"c\",\"d\"]"#), "{header:.900}");
    assert!(header.contains(r#"\"offset\":1.5,\"factor\":0.5"#), "{header:.900}");
    work.ok("evaluate other --data data");
    work.ok("summary --model other/other.toml --input 16x12 --classes 4");

    work.refuses("import model.keras --classes a,b --out no", &["2 names of 4 classes"]);
    work.refuses("import model.keras --classes a,b,c,a --out no", &["different names"]);
    work.refuses("import model.keras --classes a,b,c, --out no", &["different names"]);
    work.refuses("import model.keras --model p1 --out no", &["its own layers"]);
    work.refuses("import model.keras --input 3x3 --out no", &["3x3"]);
    work.refuses("import model.keras --mean 1 --out no", &["--deviation"]);
    work.refuses("import model.keras --mean 1 --deviation 0 --out no", &["above 0"]);
    work.refuses("import model.keras --front-end bristol-80 --out no", &["mel bands"]);
    work.fails("import model.keras --name ../up --out no", &["no name of a file"]);
    work.fails("import model.keras --out other", &["--overwrite"]);
    work.fails("import run/config.toml --out no", &["config.toml", ".keras"]);
    work.fails("import nosuch.keras --out no", &["nosuch.keras"]);
    work.refuses("import model.keras --model nosuch --out no", &["nosuch"]);
    assert!(!work.exists("no"));
}

#[test]
fn layers_that_were_changed_are_told() {
    let work = Work::trained();
    work.ok("export run --format keras");
    let config: Value =
        serde_json::from_slice(&entry(&work.read("model.keras"), "config.json")).unwrap();
    let with = |change: &dyn Fn(&mut Value)| {
        let mut config = config.clone();
        change(&mut config);
        work.write("odd.keras", keras_with(&work, &config));
    };
    let layer = |config: &mut Value, name: &str, key: &str, value: Value| {
        for layer in config["config"]["layers"].as_array_mut().unwrap() {
            if layer["name"] == name {
                layer["config"][key] = value.clone();
            }
        }
    };
    with(&|config| layer(config, "conv2d_1", "activation", json!("tanh")));
    work.fails("import odd.keras --out no", &["not those of the model that was exported"]);
    with(&|config| layer(config, "scale", "scale", json!(0.5)));
    work.fails("import odd.keras --out no", &["not those of the model that was exported"]);
    with(&|config| layer(config, "conv2d_1", "filters", json!(1u64 << 40)));
    work.fails("import odd.keras --out no", &["conv2d_1"]);
    with(&|config| layer(config, "conv2d_1", "kernel_size", json!([5, -1])));
    work.fails("import odd.keras --out no", &["\"conv2d_1\" (Conv2D): kernel_size"]);
    with(&|config| layer(config, "conv2d_1", "data_format", json!("channels_first")));
    work.fails("import odd.keras --out no", &["channels_last"]);
    with(&|config| layer(config, "max_pooling2d", "strides", json!([1, 1])));
    work.fails("import odd.keras --out no", &["strides", "[1, 1]"]);
    with(&|config| config["config"]["layers"][3]["class_name"] = json!("Lambda"));
    work.fails("import odd.keras --out no", &["(Lambda)", "supported are Activation"]);
    with(&|config| config["config"]["layers"][3]["module"] = json!("builtins"));
    work.fails("import odd.keras --out no", &["builtins"]);
    with(&|config| config["config"]["output_layers"] = json!([["dense", 0, 0], ["softmax", 0, 0]]));
    work.fails("import odd.keras --out no", &["one output", "1 and 2"]);
    with(&|config| config["config"]["layers"] = json!([]));
    work.fails("import odd.keras --out no", &["first layer"]);
    with(&|config| config["class_name"] = json!("MyModel"));
    work.fails("import odd.keras --out no", &["MyModel", "Sequential"]);
    with(&|config| *config = json!([1, "two", null]));
    work.fails("import odd.keras --out no", &["odd.keras"]);
    assert!(!work.exists("no"));
}

/// Whatever is cut off: nothing panics, and nothing is left behind.
#[test]
fn damaged_files_are_refused() {
    let work = Work::trained();
    for file in FILES {
        work.ok(&format!("export run --out {file}"));
        let bytes = work.read(file);
        let name = format!("cut-{file}");
        let damage = |bytes: &[u8]| {
            work.write(&name, bytes);
            let ran = work.run(&["import", &name, "--out", "no"]);
            assert!(
                matches!(ran.code, Some(1 | 2)),
                "{name}: {:?}\n{}{}",
                ran.code,
                ran.out,
                ran.err
            );
            assert!(ran.err.contains(&name), "{}", ran.err);
            assert!(!work.exists("no"));
        };
        for length in [0, 1, 20, bytes.len() / 2, bytes.len() - 1] {
            damage(&bytes[..length]);
        }
        damage(b"not a model of any kind");
        // Weights that are no numbers, where they lie as they are.
        let own = work.read("run/model.safetensors");
        let length = u64::from_le_bytes(own[..8].try_into().unwrap()) as usize;
        let first = &own[8 + length..][..16];
        let at = bytes.windows(16).position(|some| some == first).unwrap();
        let mut changed = bytes.clone();
        changed[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
        damage(&changed);
    }
}
