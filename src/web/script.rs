//! The page's script: the modules of `web/` one after another, without their imports and exports. So a
//! page that is opened from a disk needs no request, and tests can load each module by itself.

/// The modules, each behind those that it imports.
const MODULES: [(&str, &str); 33] = [
    ("elements.js", include_str!("../../web/elements.js")),
    ("save.js", include_str!("../../web/save.js")),
    ("pack.js", include_str!("../../web/pack.js")),
    ("pause.js", include_str!("../../web/pause.js")),
    ("decimals.js", include_str!("../../web/decimals.js")),
    ("fourier.js", include_str!("../../web/fourier.js")),
    ("mel.js", include_str!("../../web/mel.js")),
    ("front-end.js", include_str!("../../web/front-end.js")),
    ("wav.js", include_str!("../../web/wav.js")),
    ("sound-header.js", include_str!("../../web/sound-header.js")),
    ("sound.js", include_str!("../../web/sound.js")),
    ("microphone.js", include_str!("../../web/microphone.js")),
    ("bands.js", include_str!("../../web/bands.js")),
    ("typical.js", include_str!("../../web/typical.js")),
    ("verdict.js", include_str!("../../web/verdict.js")),
    ("cam.js", include_str!("../../web/cam.js")),
    ("pooling.js", include_str!("../../web/pooling.js")),
    ("convolution.js", include_str!("../../web/convolution.js")),
    ("ops.js", include_str!("../../web/ops.js")),
    ("forward.js", include_str!("../../web/forward.js")),
    ("safetensors.js", include_str!("../../web/safetensors.js")),
    ("replay.js", include_str!("../../web/replay.js")),
    ("network.js", include_str!("../../web/network.js")),
    ("steps.js", include_str!("../../web/steps.js")),
    ("training.js", include_str!("../../web/training.js")),
    ("deviation.js", include_str!("../../web/deviation.js")),
    ("check.js", include_str!("../../web/check.js")),
    ("draw.js", include_str!("../../web/draw.js")),
    ("song-picture.js", include_str!("../../web/song-picture.js")),
    ("listen-view.js", include_str!("../../web/listen-view.js")),
    ("train-view.js", include_str!("../../web/train-view.js")),
    ("check-view.js", include_str!("../../web/check-view.js")),
    ("main.js", include_str!("../../web/main.js")),
];

/// All of them as one script.
pub(super) fn script() -> String {
    let mut script = String::new();
    for (_, text) in MODULES {
        script.push_str(&without_modules(text));
    }
    script.push_str("main();\n");
    script
}

/// The text of a module without its imports and without the word `export`.
fn without_modules(text: &str) -> String {
    let mut plain = String::new();
    let mut in_import = false;
    for line in text.lines() {
        in_import |= line.starts_with("import ");
        if in_import {
            in_import = !line.ends_with("\";");
            continue;
        }
        plain.push_str(line.strip_prefix("export ").unwrap_or(line));
        plain.push('\n');
    }
    plain
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The files that a module imports.
    fn imports(text: &str) -> Vec<&str> {
        let from = text.split("from \"./").skip(1);
        from.map(|rest| rest.split('"').next().unwrap()).collect()
    }

    #[test]
    fn modules_stand_behind_what_they_import_and_all_are_there() {
        let mut before = BTreeSet::new();
        for (name, text) in MODULES {
            for imported in imports(text) {
                assert!(
                    before.contains(imported),
                    "{name} imports {imported}, which stands behind it"
                );
            }
            before.insert(name);
        }
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("web");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        let files: BTreeSet<String> = files.map(|name| name.into_string().unwrap()).collect();
        let scripts: BTreeSet<&str> =
            files.iter().map(String::as_str).filter(|name| name.ends_with(".js")).collect();
        assert_eq!(scripts, before);
    }

    #[test]
    fn no_module_is_left_and_no_name_is_used_twice() {
        let script = script();
        let mut names = BTreeSet::new();
        for line in script.lines() {
            assert!(!line.starts_with("import ") && !line.starts_with("export "), "{line}");
            let line = line.strip_prefix("async ").unwrap_or(line);
            let declared = ["function* ", "function ", "const ", "let ", "class "];
            let Some(rest) = declared.iter().find_map(|word| line.strip_prefix(word)) else {
                continue;
            };
            let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap();
            assert!(name.is_empty() || names.insert(name), "{name} is declared twice");
        }
        // It stands in an element of the page.
        assert!(!script.contains("</script") && !script.contains("<!--"));
    }
}
