//! The author's own words on the questions: a Markdown file with a heading for each.
//!
//! ```text
//! # 1
//! What I think of question 1, in paragraphs, lists, **emphasis**, `code` and [links](…).
//!
//! # P2
//! Why the network looks as it does.
//! ```

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use pulldown_cmark::{CowStr, Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd, html};

use crate::error::{Error, Result};
use crate::files::read_settings;

/// Headings that a file may have.
const HEADINGS: [&str; 7] = ["1", "2", "3", "4", "5", "6", "P2"];

/// Markdown by heading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    words: BTreeMap<&'static str, String>,
    /// Where they were read.
    path: Option<PathBuf>,
}

impl Notes {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read or has more than 1 MiB, a heading is unknown or stands twice, or text stands before the first.
    pub fn read(path: &Path) -> Result<Self> {
        let notes = Self::parse(&read_settings(path)?)
            .map_err(|problem| Error::Notes { path: path.into(), problem })?;
        Ok(Self { path: Some(path.into()), ..notes })
    }

    fn parse(text: &str) -> Result<Self, String> {
        // Some editors begin a file with a byte order mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut notes = BTreeMap::new();
        let heads = headings(text);
        let end = heads.first().map_or(text.len(), |(place, _)| place.start);
        let known = HEADINGS.map(|name| format!("# {name}")).join(", ");
        if !text[..end].trim().is_empty() {
            return Err(format!("line 1: expected one of the headings {known} before any text"));
        }
        for (i, (place, name)) in heads.iter().enumerate() {
            let line = 1 + text[..place.start].matches('\n').count();
            let Some(heading) = HEADINGS.into_iter().find(|h| h.eq_ignore_ascii_case(name)) else {
                return Err(format!(
                    "line {line}: expected one of the headings {known}, found \"# {name}\"; \
                     use ## for headings of your own"
                ));
            };
            let end = heads.get(i + 1).map_or(text.len(), |(next, _)| next.start);
            let own = text[place.end..end].trim().to_owned();
            if notes.insert(heading, own).is_some() {
                return Err(format!("line {line}: the heading \"# {heading}\" stands twice"));
            }
        }
        Ok(Self { words: notes, path: None })
    }

    /// What was written under a heading, as Markdown; empty if nothing was.
    pub(super) fn markdown(&self, heading: &str) -> &str {
        self.words.get(heading).map_or("", String::as_str)
    }

    /// The file that they were read from.
    pub(super) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Markdown in which HTML is text.
    pub(super) fn without_html(&self, heading: &str) -> String {
        let text = self.markdown(heading);
        let mut plain = String::new();
        let mut end = 0;
        for (event, place) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
            if matches!(event, Event::Html(_) | Event::InlineHtml(_)) && place.start >= end {
                plain.push_str(&text[end..place.start]);
                plain.push_str(&text[place.clone()].replace('<', "&lt;"));
                end = place.end;
            }
        }
        plain + &text[end..]
    }

    /// The same as HTML in which nothing but Markdown makes elements.
    pub(super) fn html(&self, heading: &str) -> String {
        let mut text = String::new();
        let parser = Parser::new_ext(self.markdown(heading), Options::ENABLE_TABLES);
        html::push_html(&mut text, parser.filter_map(harmless));
        text
    }
}

/// First-level headings: where they stand, and their text.
fn headings(text: &str) -> Vec<(Range<usize>, String)> {
    let mut found = Vec::new();
    let mut open: Option<(Range<usize>, String)> = None;
    for (event, place) in Parser::new(text).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { level: HeadingLevel::H1, .. }) => {
                open = Some((place, String::new()));
            }
            Event::End(TagEnd::Heading(HeadingLevel::H1)) => found.extend(open.take()),
            Event::Text(word) | Event::Code(word) => {
                if let Some((_, name)) = &mut open {
                    name.push_str(&word);
                }
            }
            _ => {}
        }
    }
    found
}

/// HTML becomes text, headings become bold paragraphs (the page has its own outline), pictures
/// their descriptions, and links lead to web pages or nowhere.
fn harmless(event: Event<'_>) -> Option<Event<'_>> {
    let web =
        |to: &CowStr<'_>| ["https://", "http://", "mailto:"].iter().any(|s| to.starts_with(s));
    Some(match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        Event::Start(Tag::HtmlBlock) => Event::Start(Tag::Paragraph),
        Event::End(TagEnd::HtmlBlock) => Event::End(TagEnd::Paragraph),
        Event::Start(Tag::Heading { .. }) => Event::Html("<p><strong>".into()),
        Event::End(TagEnd::Heading(_)) => Event::Html("</strong></p>\n".into()),
        Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => return None,
        Event::Start(Tag::Link { dest_url, .. }) if !web(&dest_url) => Event::Start(Tag::Link {
            link_type: LinkType::Inline,
            dest_url: "#".into(),
            title: "".into(),
            id: "".into(),
        }),
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_heading_has_its_words() {
        let text =
            "# 1\n\nMuch *data*.\n\n## Mine\n\n```\n# no heading\n```\n\n# p2\nTime first.\n";
        let notes = Notes::parse(text).unwrap();
        assert_eq!(notes.markdown("P2"), "Time first.");
        assert_eq!(notes.markdown("3"), "");
        let html = notes.html("1");
        for part in ["<em>data</em>", "<p><strong>Mine</strong></p>", "# no heading"] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }

    #[test]
    fn html_is_text_and_links_lead_to_web_pages() {
        let text =
            "# 2\n<b onclick=x>a</b>\n\n<script>y</script>\n\n[l](javascript:z) ![p](http://q/r)\n";
        let html = Notes::parse(text).unwrap().html("2");
        for mark in ["<b", "<script", "javascript", "<img"] {
            assert!(!html.contains(mark), "{mark} in {html}");
        }
        assert!(html.contains("&lt;script&gt;") && html.contains("p</p>"), "{html}");
    }

    #[test]
    fn markdown_stays_markdown_but_for_html() {
        let text = "# 3\nThe *gap* <b>is</b> `a < b`.\n\n<script>\ny\n</script>\n\n- one\n";
        let want = "The *gap* &lt;b>is&lt;/b> `a < b`.\n\n&lt;script>\ny\n&lt;/script>\n\n- one";
        assert_eq!(Notes::parse(text).unwrap().without_html("3"), want);
    }

    #[test]
    fn a_byte_order_mark_is_no_text_and_a_file_without_end_is_refused() {
        let notes = Notes::parse("\u{feff}# 1\nMine.\n").unwrap();
        assert_eq!(notes.markdown("1"), "Mine.");
        if cfg!(unix) {
            let problem = Notes::read(Path::new("/dev/zero")).unwrap_err().to_string();
            assert!(problem.contains("found a device"), "{problem}");
        }
    }

    #[test]
    fn other_headings_are_refused_with_their_line() {
        let problem = |text: &str| Notes::parse(text).unwrap_err();
        assert!(problem("# 1\n\n# 7\n").contains("line 3") && problem("# 7").contains("\"# 7\""));
        assert!(problem("# 1\n# 1\n").contains("stands twice"));
        assert!(problem("hello\n# 1\n").contains("before any text"));
        assert_eq!(Notes::parse("").unwrap(), Notes::default());
    }
}
