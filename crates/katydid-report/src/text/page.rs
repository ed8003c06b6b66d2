//! Lines of a terminal: wrapping, indentation, colour. Knows nothing of runs.

use anstyle::{AnsiColor, Style};

use crate::words::{clean, cut, wrap};

/// Narrower terminals get lines of this width all the same.
const NARROWEST: usize = 60;

/// What a piece of text means; on a terminal with colours, how it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Strong,
    Faint,
    Warning,
    Bad,
}

/// Text in the making.
pub struct Page {
    out: String,
    width: usize,
    color: bool,
}

impl Page {
    pub fn new(width: usize, color: bool) -> Self {
        Self {
            out: String::new(),
            width: width.max(NARROWEST),
            color,
        }
    }

    pub fn width(&self) -> usize {
        self.width
    }

    /// The text in its tone, as it is.
    pub fn tone(&self, tone: Tone, text: &str) -> String {
        let style = match tone {
            Tone::Plain => return text.to_owned(),
            Tone::Strong => Style::new().bold(),
            Tone::Faint => Style::new().dimmed(),
            Tone::Warning => AnsiColor::Yellow.on_default(),
            Tone::Bad => AnsiColor::Red.on_default().bold(),
        };
        if self.color {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    /// A line that is already cleaned and measured.
    pub fn line(&mut self, line: &str) {
        self.out.push_str(line.trim_end());
        self.out.push('\n');
    }

    /// An empty line, once.
    pub fn gap(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    /// A section's title after an empty line.
    pub fn title(&mut self, title: &str) {
        self.gap();
        let title = self.tone(Tone::Strong, title);
        self.line(&title);
    }

    /// Foreign text, wrapped.
    pub fn paragraph(&mut self, tone: Tone, text: &str) {
        for line in wrap(&clean(text), self.width) {
            let line = self.tone(tone, &line);
            self.line(&line);
        }
    }

    /// Foreign text, wrapped, after a label that stands in the first line only; `indent` columns.
    pub fn item(&mut self, indent: usize, label: &str, tone: Tone, text: &str) {
        let mut label = crate::words::pad_right(label, indent);
        for line in wrap(&clean(text), self.width.saturating_sub(indent)) {
            let line = format!("{label}{}", self.tone(tone, &line));
            self.line(&line);
            label = " ".repeat(indent);
        }
    }

    /// Foreign text of several lines, each cut to the width; at most `most` lines.
    pub fn block(&mut self, indent: usize, text: &str, most: usize) {
        let total = text.lines().count();
        for line in text.lines().take(most) {
            let line = cut(
                &clean(&line.replace('\t', "    ")),
                self.width.saturating_sub(indent),
            );
            let line = self.tone(Tone::Faint, &line);
            self.line(&format!("{}{line}", " ".repeat(indent)));
        }
        if total > most {
            let more = self.tone(Tone::Faint, &format!("… {} more lines", total - most));
            self.line(&format!("{}{more}", " ".repeat(indent)));
        }
    }

    /// Parts with dots between them, broken only between parts.
    pub fn parts(&mut self, indent: usize, label: &str, parts: &[String]) {
        const DOT: &str = " · ";
        let mut line = crate::words::pad_right(label, indent);
        let mut first = true;
        for part in parts {
            let part = clean(part);
            let room = crate::words::columns(&line) + DOT.len() - 1 + crate::words::columns(&part);
            if !first && room > self.width {
                let full = std::mem::replace(&mut line, " ".repeat(indent));
                self.line(&full);
                first = true;
            }
            if !first {
                line.push_str(DOT);
            }
            line.push_str(&part);
            first = false;
        }
        self.line(&line);
    }

    pub fn finish(self) -> String {
        let mut out = self.out.trim_end().to_owned();
        out.push('\n');
        out
    }
}
