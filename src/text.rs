//! Figures and paragraphs as people read them.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        let got = [0, 999, 1_000, 84_382, 1_234_567].map(thousands);
        assert_eq!(got, ["0", "999", "1,000", "84,382", "1,234,567"]);
    }

    #[test]
    fn a_paragraph_folds_between_words() {
        let text = fold(&"word ".repeat(40));
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert_eq!(text.split_whitespace().count(), 40);
        assert_eq!(fold(&"x".repeat(100)).len(), 100, "a long word stays whole");
    }
}
