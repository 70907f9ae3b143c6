//! `web`: what is in the page, without a browser. tests/web/run opens it in one.

use std::collections::BTreeMap;
use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use serde_json::Value;

use super::predict::trained;
use super::program::Work;

/// The data of a page, by element.
fn packs(page: &str) -> BTreeMap<String, Vec<u8>> {
    let elements = page.split("<script type=\"text/plain\" id=\"").skip(1);
    let unpack = |element: &str| {
        let (id, rest) = element.split_once("\">").unwrap();
        let text = rest.split("</script>").next().unwrap();
        let mut bytes = Vec::new();
        GzDecoder::new(&STANDARD.decode(text).unwrap()[..]).read_to_end(&mut bytes).unwrap();
        (id.to_owned(), bytes)
    };
    elements.map(unpack).collect()
}

#[test]
fn the_page_holds_runs_and_asks_for_nothing() {
    let work = Work::trained();
    // Its arrays came without a front end.
    work.fails("web run", &["run: how sound became the model's samples", "--front-end "]);
    let ran = work.ok("web run run --front-end librosa-2s,mels=16");
    assert!(ran.out.starts_with("The page is page.html ("), "{}", ran.out);

    let page = work.text("page.html");
    assert!(page.len() <= 6_000_000, "{}", page.len());
    // Neither an address nor a file beside it.
    for word in ["http://", "https://", " src=\"", "url(", "@import"] {
        assert!(!page.contains(word), "{word}");
    }
    for policy in
        ["default-src 'none'", "connect-src 'none'", "script-src 'sha256-", "style-src 'sha256-"]
    {
        assert!(page.contains(policy), "{policy}");
    }
    let packs = packs(&page);
    let data: Value = serde_json::from_slice(&packs["data"]).unwrap();
    let titles: Vec<&str> =
        data["models"].as_array().unwrap().iter().map(|m| m["title"].as_str().unwrap()).collect();
    assert_eq!(titles.len(), 2);
    assert!(titles[0].starts_with("P1 on ") && titles[1] != titles[0], "{titles:?}");
    // The weights are the run's, in every bit.
    let model = work.read("run/model.safetensors");
    let length = u64::from_le_bytes(model[..8].try_into().unwrap()) as usize;
    let weights = &data["models"][0]["weights"];
    let [offset, count] =
        ["offset", "length"].map(|key| 4 * weights[key].as_u64().unwrap() as usize);
    let mut own: Vec<&[u8]> = packs["floats"][offset..offset + count].chunks(4).collect();
    let mut run: Vec<&[u8]> = model[8 + length..].chunks(4).collect();
    // A file of weights has them by name, the page in the order of nodes.
    own.sort_unstable();
    run.sort_unstable();
    assert!(own == run);
    // The songs to train on: a byte for each value.
    let training = &data["training"];
    let samples = training["train"].as_u64().unwrap() + training["test"].as_u64().unwrap();
    assert_eq!(samples, 600);
    assert_eq!(packs["spectrograms"].len() as u64, samples * 80 * 80);
}

#[test]
fn a_front_end_is_for_the_runs_that_do_not_know_theirs() {
    let work = trained("sound");
    work.fails("web run --front-end bristol-80", &["the model's front end is known", "leave out"]);
    let other = Work::trained();
    let unknown = other.path("run");
    work.ok(&format!("web run {} --front-end librosa-2s,mels=16", unknown.display()));
    let data: Value = serde_json::from_slice(&packs(&work.text("page.html"))["data"]).unwrap();
    let n_fft = |model: usize| data["models"][model]["front_end"]["n_fft"].as_u64().unwrap();
    assert_eq!([n_fft(0), n_fft(1)], [512, 2048]);
}

#[test]
fn a_page_is_refused_before_anything_is_written() {
    let work = Work::trained();
    work.refuses("web run --out page.png", &["expected a name that ends in .html", "page.png"]);
    work.refuses("web", &["<RUN>"]);
    work.fails("web nowhere", &["nowhere: expected a run"]);
    std::fs::remove_file(work.path("run/model.safetensors")).unwrap();
    work.fails("web run", &["run: holds no model.safetensors", "train --resume"]);
    assert!(!work.exists("page.html") && !work.exists("page.png"));
}
