//! Numbers, paragraphs and messages as people read them.

/// `84382` as `84,382`.
pub(crate) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A script or style as a Content-Security-Policy names it.
#[cfg(all(feature = "audio", feature = "pictures"))]
pub(crate) fn policy_hash(text: &str) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use sha2::{Digest, Sha256};

    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

/// With its sign and one digit behind the point; what rounds to 0 has none.
#[cfg(feature = "pictures")]
pub(crate) fn signed(value: f64) -> String {
    let text = format!("{value:+.1}");
    if text == "-0.0" || text == "+0.0" { "0.0".to_owned() } else { text }
}

/// `a`, `a and b`, `a, b and c`.
#[cfg(all(feature = "audio", feature = "pictures"))]
pub(crate) fn listed(words: &[impl ToString]) -> String {
    let words: Vec<String> = words.iter().map(ToString::to_string).collect();
    match &words[..] {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// Text that a file brought, as a terminal may show it: characters that control it, or that turn the
/// direction of writing, as escapes such as `\u{1b}`.
pub(crate) fn shown(text: &str) -> String {
    let show = |c: char| if controls(c) { c.escape_unicode().to_string() } else { c.into() };
    text.chars().map(show).collect()
}

fn controls(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A JSON document for a terminal: the same document, with escapes of JSON for what [`shown`] escapes.
/// Outside its strings it has line ends alone.
pub(crate) fn json_shown(document: &str) -> String {
    let show = |c: char| match c {
        c if controls(c) && c != '\n' => format!("\\u{:04x}", u32::from(c)),
        c => c.into(),
    };
    document.chars().map(show).collect()
}

/// Lines for a terminal, whatever names are in them: [`shown`], but for line ends and colours.
#[cfg(feature = "cli")]
pub(crate) fn lines_shown(text: &str) -> String {
    let mut all = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['\n', '\u{1b}']) {
        let (before, after) = rest.split_at(at);
        all.push_str(&shown(before));
        let colour = after.strip_prefix("\u{1b}[").and_then(|code| {
            let end = code.find(|c: char| !c.is_ascii_digit() && c != ';')?;
            code[end..].starts_with('m').then_some(2 + end + 1)
        });
        let kept = colour.unwrap_or(1);
        match (colour, after.starts_with('\n')) {
            (None, false) => all.push_str(&shown(&after[..kept])),
            _ => all.push_str(&after[..kept]),
        }
        rest = &after[kept..];
    }
    all.push_str(&shown(rest));
    all
}

/// What a spreadsheet takes for a formula at the start of a cell.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Text as a cell of a list that spreadsheets may open: what they would take for a formula has an
/// apostrophe before it, which they do not show. [`of_cell`] is its inverse.
pub(crate) fn cell(text: &str) -> String {
    match text.trim_start_matches('\'').starts_with(FORMULA) {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}

/// The text of a cell that [`cell`] made.
pub(crate) fn of_cell(cell: &str) -> &str {
    let text =
        cell.strip_prefix('\'').filter(|_| cell.trim_start_matches('\'').starts_with(FORMULA));
    text.unwrap_or(cell)
}

/// A word as a shell takes it.
pub(crate) fn shell(word: &str) -> String {
    // Outside quotes a backslash is a character only where it separates folders.
    let plain =
        |c: char| c.is_alphanumeric() || "/._-+:=,".contains(c) || (cfg!(windows) && c == '\\');
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// A text as Python takes it.
pub(crate) fn python(text: &str) -> String {
    let escaped = |c: char| match c {
        '\\' | '\'' => format!("\\{c}"),
        c if c.is_control() => format!("\\u{:04x}", u32::from(c)),
        c => c.into(),
    };
    format!("'{}'", text.chars().map(escaped).collect::<String>())
}

/// Folds a paragraph to 80 columns.
pub(crate) fn fold(paragraph: &str) -> String {
    let mut text = String::new();
    let mut column = 0;
    for word in paragraph.split_whitespace() {
        let width = word.chars().count();
        if column > 0 && column + 1 + width > 80 {
            text.push('\n');
            column = 0;
        } else if column > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += width;
    }
    text
}

/// Rows of equally many cells below each other: the first `words` columns to the left, figures to
/// the right.
#[cfg(feature = "gpu")]
pub(crate) fn aligned(rows: &[Vec<String>], words: usize) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |i: usize| rows.iter().map(|row| row[i].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(i, (cell, &width))| {
            if i < words { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        cells.collect::<Vec<_>>().join("  ") + "\n"
    };
    rows.iter().map(line).collect()
}

/// `; did you mean "epochs"?` if one of `known` resembles `word`, else nothing.
pub(crate) fn did_you_mean<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    let plain = |word: &str| word.to_lowercase().replace('_', "-");
    let likeness = |other: &str| strsim::jaro(&plain(word), &plain(other));
    let best = known.max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    // As clap has it.
    let best = best.filter(|best| likeness(best) > 0.7);
    best.map_or_else(String::new, |best| format!("; did you mean \"{best}\"?"))
}

/// What is wrong with a TOML file, without the names of this language's types.
pub(crate) fn toml_problem(error: &toml::de::Error) -> String {
    const PLAIN: [(&str, &str); 9] = [
        ("expected usize", "expected a whole number, 0 or more"),
        ("expected u32", "expected a whole number from 0 to 4294967295"),
        ("expected f32", "expected a number"),
        ("expected a boolean", "expected true or false"),
        ("a sequence", "a list"),
        ("sequence", "list"),
        (", there are no fields", "; this op has no keys but name, op and input"),
        ("unknown field", "unknown key"),
        ("missing field", "missing key"),
    ];
    let text = error.to_string();
    let text = PLAIN.iter().fold(text.trim_end().to_owned(), |text, (a, b)| text.replace(a, b));
    let unknown = text.split_once("unknown key `").and_then(|(_, rest)| rest.split_once('`'));
    let Some((word, rest)) = unknown else { return text };
    let hint = did_you_mean(word, rest.split('`').skip(1).step_by(2));
    text + &hint
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        let got = [0, 999, 1_000, 84_382, 1_234_567].map(thousands);
        assert_eq!(got, ["0", "999", "1,000", "84,382", "1,234,567"]);
    }

    #[test]
    fn what_rounds_to_0_has_no_sign() {
        assert_eq!([-0.04, 0.04, -0.06, 1.0].map(signed), ["0.0", "0.0", "-0.1", "+1.0"]);
    }

    #[test]
    fn a_shell_takes_a_word_as_it_is() {
        assert_eq!(
            ["runs/p1-a_b.c", "", "a b", "it's", "$x"].map(shell),
            ["runs/p1-a_b.c", "''", "'a b'", r"'it'\''s'", "'$x'"]
        );
    }

    #[test]
    fn python_takes_a_text_as_it_is() {
        assert_eq!(
            ["a/b.npy", r"C:\a", "it's", "\u{1b}\n é"].map(python),
            ["'a/b.npy'", r"'C:\\a'", r"'it\'s'", r"'\u001b\u000a é'"]
        );
    }

    #[test]
    fn what_controls_a_terminal_is_shown() {
        assert_eq!(
            shown("a\u{1b}[2J\nb\u{9b}\u{202e}c é 古"),
            r"a\u{1b}[2J\u{a}b\u{9b}\u{202e}c é 古"
        );
    }

    #[cfg(feature = "cli")]
    #[test]
    fn lines_and_colours_are_kept() {
        assert_eq!(
            lines_shown("a\u{1b}[2J\n\u{1b}[1;32mok\u{1b}[0m\r\tb\u{1b}\u{1b}[\n"),
            "a\\u{1b}[2J\n\u{1b}[1;32mok\u{1b}[0m\\u{d}\\u{9}b\\u{1b}\\u{1b}[\n"
        );
    }

    #[cfg(feature = "cli")]
    #[test]
    fn a_document_stays_what_it_was() {
        let value = serde_json::json!({ "a\u{202e}b": "\u{9b}2J\u{1b}[\t\n古" });
        let text = json_shown(&serde_json::to_string_pretty(&value).unwrap());
        assert!(text.chars().all(|c| c == '\n' || !controls(c)), "{text:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }

    #[test]
    fn a_cell_is_no_formula_and_reads_back() {
        for text in
            ["=1+1", "+a", "-a.wav", "@a", "\ta", "\ra", "'=a", "''=a", "'a", "a=b", "", "'"]
        {
            assert!(!cell(text).starts_with(FORMULA), "{text:?}");
            assert_eq!(of_cell(&cell(text)), text);
        }
        assert_eq!((cell("=1"), cell("'a")), ("'=1".into(), "'a".into()));
    }

    #[test]
    fn a_likely_word_is_proposed_and_an_unlike_one_is_not() {
        let keys = || ["epochs", "learning-rate", "seed"].into_iter();
        assert_eq!(did_you_mean("epoch", keys()), "; did you mean \"epochs\"?");
        assert_eq!(did_you_mean("learning_rate", keys()), "; did you mean \"learning-rate\"?");
        assert_eq!(did_you_mean("zzz", keys()), "");
        let table = "seed = 1".parse::<toml::Table>().unwrap();
        let error = table.try_into::<Vec<u8>>().unwrap_err();
        assert!(toml_problem(&error).contains("expected a list"), "{error}");
    }

    #[test]
    fn a_paragraph_folds_between_words() {
        let text = fold(&"word ".repeat(40));
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert_eq!(text.split_whitespace().count(), 40);
        assert_eq!(fold(&"x".repeat(100)).len(), 100, "a long word stays whole");
    }
}
