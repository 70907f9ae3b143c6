//! The report as a Jupyter notebook: the page's answers and tables as Markdown, the run folders'
//! pictures as attachments, and cells that make the runs and these figures again, with the Python package.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::answers::Answer;
use super::pictures::HEAT;
use super::record::RunRecord;
use super::view::{GenreView, MatrixView, ModelView, Page, Table, explain_command, report_command};
use super::{Format, FrontMatter};
use crate::error::{Error, Result};
use crate::explain::{Figure, with_png_names};
use crate::files::{check_inside, read_regular};
use crate::plot::png_bytes;

/// The file's text: nbformat 4.5.
pub(super) fn text(page: &Page, runs: &[RunRecord], front: &FrontMatter) -> Result<String> {
    let mut book = Notebook::default();
    opening(&mut book, page);
    reproduce(&mut book, runs, front);
    let (first, run) = (&page.first, &runs[0]);
    questions(&mut book, page, first, run)?;
    for (view, run) in page.others.iter().zip(&runs[1..]) {
        further(&mut book, page, view, run)?;
    }
    let metadata = json!({
        "kernelspec": { "display_name": "Python 3", "language": "python", "name": "python3" },
        "language_info": { "name": "python" },
        "title": page.title,
        "authors": if page.author.is_empty() { json!([]) } else { json!([{ "name": page.author }]) },
    });
    let book = json!({ "cells": book.0, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5 });
    let problem = |e| format!("cannot be put into a notebook: {e}");
    let fail = |e| Error::Run { path: run.folder.path().into(), problem: problem(e) };
    serde_json::to_string_pretty(&book).map_err(fail)
}

/// Cells in order.
#[derive(Debug, Default)]
struct Notebook(Vec<Value>);

/// What a Markdown cell is made of.
#[derive(Debug, Default)]
struct Words {
    text: String,
    attachments: Map<String, Value>,
}

impl Notebook {
    fn markdown(&mut self, words: Words) {
        let mut cell = self.cell("markdown", &words.text);
        if !words.attachments.is_empty() {
            cell.insert("attachments".into(), Value::Object(words.attachments));
        }
        self.0.push(Value::Object(cell));
    }

    fn code(&mut self, text: &str) {
        let mut cell = self.cell("code", text);
        cell.insert("execution_count".into(), Value::Null);
        cell.insert("outputs".into(), json!([]));
        self.0.push(Value::Object(cell));
    }

    fn cell(&self, kind: &str, text: &str) -> Map<String, Value> {
        let lines: Vec<&str> = text.trim_end().split_inclusive('\n').collect();
        let mut cell = Map::new();
        cell.insert("cell_type".into(), kind.into());
        cell.insert("id".into(), format!("cell-{}", self.0.len() + 1).into());
        cell.insert("metadata".into(), json!({}));
        cell.insert("source".into(), json!(lines));
        cell
    }
}

impl Words {
    fn heading(level: usize, text: &str) -> Self {
        let mut words = Self::default();
        words.block(&format!("{} {}", "#".repeat(level), plain(text)));
        words
    }

    /// Markdown that is one block.
    fn block(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self.text.push_str("\n\n");
        self
    }

    fn asked(&mut self, text: &str) -> &mut Self {
        self.block(&format!("*{}*", plain(text)))
    }

    fn answer(&mut self, answer: &Answer) -> &mut Self {
        for line in &answer.answer {
            self.block(&plain(line));
        }
        self
    }

    fn caveat(&mut self, answer: &Answer) -> &mut Self {
        if !answer.caveats.is_empty() {
            self.block(&format!("> **Caveat.** {}", plain(&answer.caveats.join(" "))));
        }
        self
    }

    /// The author's words, which are Markdown.
    fn own(&mut self, words: &str) -> &mut Self {
        if !words.is_empty() {
            self.block(words);
        }
        self
    }

    fn list(&mut self, lines: &[String]) -> &mut Self {
        let lines: Vec<String> = lines.iter().map(|line| format!("- {}", plain(line))).collect();
        if !lines.is_empty() {
            self.block(&lines.join("\n"));
        }
        self
    }

    fn table(&mut self, table: &Table) -> &mut Self {
        self.block(&plain(&table.caption));
        let line = |cells: &[String]| {
            let cells: Vec<String> = cells.iter().map(|cell| plain(cell)).collect();
            format!("| {} |", cells.join(" | "))
        };
        let rule = |i: usize| if i < table.words { ":--" } else { "--:" };
        let rules: Vec<&str> = (0..table.head.len()).map(rule).collect();
        let mut lines = vec![line(&table.head), format!("| {} |", rules.join(" | "))];
        lines.extend(table.rows.iter().map(|row| line(row)));
        self.block(&lines.join("\n"))
    }

    fn matrix(&mut self, matrix: &MatrixView) -> &mut Self {
        let mut head = vec!["true \\ predicted".to_owned()];
        head.extend(matrix.head.iter().cloned());
        let row = |row: &super::view::MatrixRow| {
            let mut cells = vec![row.name.clone()];
            cells.extend(row.cells.iter().map(|c| format!("{} ({})", c.count, c.percent)));
            cells
        };
        let rows = matrix.rows.iter().map(row).collect();
        self.table(&Table { caption: matrix.caption.clone(), words: 1, head, rows })
    }

    fn picture(&mut self, png: &[u8], name: &str, alt: &str) -> &mut Self {
        self.block(&format!("![{}](attachment:{name}.png)", plain(alt)));
        self.attachments
            .insert(format!("{name}.png"), json!({ "image/png": STANDARD.encode(png) }));
        self
    }

    /// A figure of an explanation.
    fn figure(
        &mut self,
        figure: Figure,
        run: &RunRecord,
        name: &str,
        alt: &str,
    ) -> Result<&mut Self> {
        let drawing = figure.draw(&with_png_names(&run.explanation), HEAT)?;
        Ok(self.picture(&png_bytes(&drawing)?, name, alt))
    }
}

/// Text in which no character is Markdown's.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for c in text.chars() {
        match c {
            '<' => plain.push_str("&lt;"),
            '&' => plain.push_str("&amp;"),
            '\n' => plain.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '$' | '~' => plain.extend(['\\', c]),
            c => plain.push(c),
        }
    }
    plain
}

fn opening(book: &mut Notebook, page: &Page) {
    let mut words = Words::heading(1, &page.title);
    if !page.author.is_empty() {
        words.block(&plain(&page.author));
    }
    words.block(&format!("{}, genre-gpu {}", page.date, page.version)).table(&page.results);
    book.markdown(words);
    let mut words = Words::heading(2, "Set-up and data");
    words.list(&page.data_facts).table(&page.data).table(&page.training);
    words.block(&plain(page.reproducible));
    book.markdown(words);
}

/// The new folder in which the runs are made again.
const FOLDER: &str = "again";

/// Cells that make the runs and this file again.
fn reproduce(book: &mut Notebook, runs: &[RunRecord], front: &FrontMatter) {
    let mut words = Words::default();
    words.block(&format!(
        "The next cells make the runs again, in a new folder `{FOLDER}`, which may not be there \
         yet; they need the Python packages `genre-gpu` and `matplotlib`, and overwrite nothing. The \
         answers below are those of the runs that this notebook was written from; the code cells among \
         them draw the same from the runs made again."
    ));
    book.markdown(words);
    // Ends a run of all cells where the folder exists.
    book.code(&format!("{IMPORTS}os.mkdir(\"{FOLDER}\")"));
    let mut folders: Vec<String> = Vec::new();
    for (i, run) in runs.iter().enumerate() {
        let mut folder = format!("{FOLDER}/{}", run.file_name());
        if folders.contains(&folder) {
            folder = format!("{folder}-{}", i + 1);
        }
        let mut config = run.config.clone();
        if !run.is_built_in() {
            config.model = format!("{folder}.toml");
            book.code(&format!("%%writefile {}\n{}", config.model, run.model.text));
        }
        let file = format!("{folder}-run.toml");
        book.code(&format!("%%writefile {file}\n{}", config.to_toml()));
        let (file, run_folder) = (python_text(&file), python_text(&folder));
        let mut code = format!("{} = genre_gpu.train({file}, run={run_folder})", variable(i));
        if i == 0 {
            code.push_str(&format!("\ndata = genre_gpu.load_data(config={file})"));
        }
        book.code(&format!("{code}\n{}.summary()", variable(i)));
        book.code(&shell_line(&explain_command(run, &folder)));
        folders.push(folder);
    }
    let file = format!("{FOLDER}/report.ipynb");
    let command = report_command(&folders, front, (Format::Notebook, Path::new(&file)));
    book.code(&shell_line(&command));
}

/// What the cells import.
const IMPORTS: &str = "\
import os
import sys

import genre_gpu
from genre_gpu import plot

";

/// What a run's model is called in the cells.
fn variable(run: usize) -> String {
    format!("model_{}", run + 1)
}

/// A text of Python; JSON's are among them.
fn python_text(text: &str) -> String {
    Value::from(text).to_string()
}

/// A command of this program in a cell, where `$` and `{` would stand for values of Python.
fn shell_line(command: &str) -> String {
    let arguments = command.strip_prefix("genre-gpu ").unwrap_or(command);
    let arguments = arguments.replace('$', "$$").replace('{', "{{").replace('}', "}}");
    format!("!\"{{sys.executable}}\" -m genre_gpu {arguments}")
}

fn questions(book: &mut Notebook, page: &Page, view: &ModelView, run: &RunRecord) -> Result<()> {
    let answers = &view.answers;
    let mut words = Words::heading(2, page.heads[0].title);
    words.asked(&page.heads[0].asked).block("### Before training");
    words.answer(&answers.expectation).table(&view.layers).caveat(&answers.expectation);
    words.block("### What happened").answer(&answers.overfitting).caveat(&answers.overfitting);
    words.own(&page.notes.without_html("1"));
    book.markdown(words);

    let mut words = Words::heading(2, page.heads[1].title);
    words.asked(&page.heads[1].asked).answer(&answers.curves);
    curves(&mut words, view, run)?;
    words.caveat(&answers.curves).own(&page.notes.without_html("2"));
    book.markdown(words);
    book.code(&format!("plot.curves({});", variable(0)));

    let mut words = Words::heading(2, page.heads[2].title);
    words.asked(&page.heads[2].asked).answer(&answers.test_accuracy).table(&view.accuracies);
    words.list(&page.song_facts).caveat(&answers.test_accuracy).own(&page.notes.without_html("3"));
    book.markdown(words);
    book.code(&format!("{}.evaluate(data, return_dict=True)", variable(0)));

    let mut words = Words::heading(2, page.heads[3].title);
    words.asked(&page.heads[3].asked).answer(&answers.confusion);
    matrices(&mut words, view);
    words.caveat(&answers.confusion).own(&page.notes.without_html("4"));
    book.markdown(words);
    book.code(&format!("plot.matrices({});", variable(0)));

    predictions(book, page, view, run)?;

    let mut words = Words::heading(2, page.heads[5].title);
    words.asked(&page.heads[5].asked).answer(&answers.grad_cam);
    if !view.trust.missing.is_empty() {
        words.block(&plain(&view.trust.missing));
    }
    for table in &view.trust.checks {
        words.table(table);
    }
    words.caveat(&answers.grad_cam).own(&page.notes.without_html("6"));
    book.markdown(words);
    Ok(())
}

fn predictions(book: &mut Notebook, page: &Page, view: &ModelView, run: &RunRecord) -> Result<()> {
    let answers = &view.answers;
    let mut words = Words::heading(2, page.heads[4].title);
    words.asked(&page.heads[4].asked).block("### How the genres differ in the spectrograms");
    words.answer(&answers.genres).caveat(&answers.genres);
    words.block("### What Grad-CAM shows, and why predictions are wrong").answer(&answers.maps);
    for maps in &view.maps {
        let (figure, name) = (Figure::Means(maps.layer), format!("means-{}", maps.layer));
        words.figure(figure, run, &name, &format!("Mean Grad-CAM at {}", maps.name))?;
        if let Some(shares) = &maps.shares {
            words.table(shares);
        }
    }
    words.caveat(&answers.maps).own(&page.notes.without_html("5"));
    book.markdown(words);
    book.code(&format!("plot.indices({}, data)", variable(0)));
    for (label, genre) in view.genres.iter().enumerate() {
        let mut words = Words::heading(
            3,
            &format!(
                "{}: {} correct, {} incorrect",
                genre.name, genre.right_count, genre.wrong_count
            ),
        );
        indices(&mut words, genre);
        for row in genre.rows.iter().filter(|row| !row.note.is_empty()) {
            words.block(&plain(&format!("{}: {}", row.title, row.note)));
        }
        if genre.rows.iter().any(|row| !row.items.is_empty()) {
            let alt = format!("Spectrograms of {}", genre.name);
            words.figure(
                Figure::Spectrograms(label),
                run,
                &format!("spectrograms-{label}"),
                &alt,
            )?;
            for maps in &view.maps {
                let (figure, layer) = (Figure::GradCam(maps.layer, label), maps.layer);
                let alt = format!("Grad-CAM at {} of {}", maps.name, genre.name);
                words.figure(figure, run, &format!("grad-cam-{layer}-{label}"), &alt)?;
            }
        }
        book.markdown(words);
        let (model, name) = (variable(0), format!("data.classes[{label}]"));
        let lines = ["correct", "incorrect"]
            .map(|which| format!("plot.maps({model}, data, {name}, \"{which}\");"));
        book.code(&lines.join("\n"));
    }
    Ok(())
}

fn further(book: &mut Notebook, page: &Page, view: &ModelView, run: &RunRecord) -> Result<()> {
    let (answers, name) = (&view.answers, &view.heading);
    let mut words = Words::heading(2, name);
    words.block(&format!("### {}: rationale", plain(name)));
    words.answer(&answers.rationale).caveat(&answers.rationale);
    words.block(&format!("### {}: architecture", plain(name)));
    words.answer(&answers.expectation).table(&view.layers);
    book.markdown(words);
    let mut words = Words::heading(3, &format!("{name}: loss and accuracy by epoch"));
    words.answer(&answers.curves);
    curves(&mut words, view, run)?;
    words.caveat(&answers.curves);
    book.markdown(words);
    book.code(&format!("plot.curves({});", variable(view.run)));
    let mut words = Words::heading(3, &format!("{name}: test accuracy"));
    words.answer(&answers.test_accuracy).table(&view.accuracies).caveat(&answers.test_accuracy);
    book.markdown(words);
    let mut words = Words::heading(3, &format!("{name}: confusion matrices"));
    words.answer(&answers.confusion);
    matrices(&mut words, view);
    words.caveat(&answers.confusion);
    book.markdown(words);
    book.code(&format!("plot.matrices({});", variable(view.run)));
    let mut words = Words::heading(3, &format!("{name} compared with {}", page.first.heading));
    if let Some(comparison) = &answers.comparison {
        words.answer(comparison);
    }
    if let Some(table) = &view.versus_table {
        words.table(table);
    }
    if let Some(comparison) = &answers.comparison {
        words.caveat(comparison);
    }
    if view.run == 1 {
        words.own(&page.notes.without_html("P2"));
    }
    book.markdown(words);
    Ok(())
}

fn curves(words: &mut Words, view: &ModelView, run: &RunRecord) -> Result<()> {
    let path = run.folder.curves();
    let png = check_inside(run.folder.path(), &path).and_then(|()| read_regular(&path));
    let png = png.map_err(Error::io(&path, "read"))?;
    let alt = format!("Loss and accuracy of {} by epoch", view.heading);
    words.picture(&png, "curves", &alt);
    words.table(&view.epochs);
    Ok(())
}

fn matrices(words: &mut Words, view: &ModelView) {
    for matrix in view.matrices.iter().chain(&view.song_matrices) {
        words.matrix(matrix);
    }
    words.table(&view.scores).table(&view.reliability.1);
    if !view.calibration.rows.is_empty() {
        words.table(&view.calibration);
    }
}

fn indices(words: &mut Words, genre: &GenreView) {
    let right = if genre.right.is_empty() { "none" } else { &genre.right };
    words.block(&format!("**Correct:** {right}"));
    for wrong in &genre.wrong {
        let (predicted, count) = (plain(&wrong.predicted), &wrong.count);
        words.block(&format!("**Incorrect, as {predicted}** ({count}): {}", wrong.indices));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_no_markdown() {
        assert_eq!(plain("a_b|c <i> & *d*"), r"a\_b\|c &lt;i> &amp; \*d\*");
    }

    #[test]
    fn a_cell_hands_a_command_on_as_it_is() {
        let cell = r#"!"{sys.executable}" -m genre_gpu report '{{a}}' '$$b'"#;
        assert_eq!(shell_line("genre-gpu report '{a}' '$b'"), cell);
    }

    #[test]
    fn cells_have_ids_of_their_own() {
        let mut book = Notebook::default();
        book.code("!genre-gpu adapters\n!ls\n");
        book.markdown(Words::heading(1, "A"));
        let ids: Vec<&Value> = book.0.iter().map(|cell| &cell["id"]).collect();
        assert_eq!(ids, ["cell-1", "cell-2"]);
        assert_eq!(book.0[0]["source"], json!(["!genre-gpu adapters\n", "!ls"]));
        assert_eq!(book.0[1]["source"], json!(["# A"]));
    }
}
