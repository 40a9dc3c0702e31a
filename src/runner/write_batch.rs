//! The batch of results on their way into the sheet: collected as they come, written once a chunk.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;
use tokio::{sync::mpsc, task::JoinHandle};
use url::Url;

use crate::{
    brand::BrandKey,
    event::{Event, Events},
    exit::Exit,
    http::call::CallError,
    list::{
        own::{Outcome, Target},
        sheet::{ListError, SheetList},
    },
    store::registry::Entry,
    text::{
        self,
        calendar::{day_in_iran, jalali, tehran},
        lang::Lang,
    },
};

/// The marks of brands that are being researched, in Persian and English.
pub const IN_PROGRESS: [&str; 2] = ["در حال پردازش", "In progress"];

/// The status cells, in the language of the reports.
#[derive(Clone, Debug)]
pub struct OutcomeText {
    pub in_progress: &'static str,
    pub done: &'static str,
    pub thin: &'static str,
    pub ambiguous: &'static str,
    pub failed: &'static str,
    lang: Lang,
    /// Where colleagues find the folder of reports.
    reports: Option<Arc<Url>>,
}

impl OutcomeText {
    /// Persian, unless English alone was asked for; reports are named by their place below `reports`, where it is set.
    pub fn of(lang: Lang, reports: Option<Arc<Url>>) -> Self {
        if lang.persian() {
            Self {
                in_progress: IN_PROGRESS[0],
                done: "✓ تکمیل شد",
                thin: "⚠ شواهد ناکافی",
                ambiguous: "؟ کدام شرکت؟",
                failed: "✗ ناموفق",
                lang,
                reports,
            }
        } else {
            Self {
                in_progress: IN_PROGRESS[1],
                done: "✓ Done",
                thin: "⚠ Little found",
                ambiguous: "? Which company?",
                failed: "✗ Failed",
                lang,
                reports,
            }
        }
    }

    /// What the sheet shows of a brand that is being researched.
    pub fn mark(&self, brand: &BrandKey) -> (Target, Outcome) {
        let status = self.in_progress.to_owned();
        (Target::Brand(brand.clone()), Outcome::InProgress { status })
    }

    /// Day and time in Iran, in the calendar and digits of the language.
    pub fn time(&self, at: Timestamp) -> String {
        let clock = at.to_zoned_datetime(tehran()).strftime("%H:%M").to_string();
        match self.lang.persian() {
            true => text::persian_digits(&format!("{} {clock}", jalali(day_in_iran(at), '/'))),
            false => format!("{} {clock}", day_in_iran(at)),
        }
    }

    /// Where the page of a brand is found: an address, which a sheet shows as a link, or the path on this machine. Empty
    /// where there is none.
    pub fn page(&self, entry: &Entry) -> String {
        let path = entry.report.as_deref().unwrap_or_default();
        match (&self.reports, entry.folder()) {
            (Some(reports), Some(folder)) => {
                format!("{reports}{}/report.html", in_a_url(&folder))
            }
            _ => path.replace("brand_report.json", "report.html"),
        }
    }

    /// The cells of a brand that has a report.
    pub fn success(&self, entry: &Entry) -> Outcome {
        let status = match (&entry.choices, entry.thin) {
            (Some(_), _) => self.ambiguous,
            (None, Some(true)) => self.thin,
            (None, _) => self.done,
        };
        let note = match (&entry.choices, self.lang.persian()) {
            (None, _) if entry.thin != Some(true) => String::new(),
            (None, true) => "دربارهٔ این برند چیز زیادی پیدا نشد: وب‌سایت آن را در همین ردیف بنویسید، یا اگر نوشته شده است درستی‌اش را بررسی کنید.".to_owned(),
            (None, false) => "Little was found about this brand: type its website into this row, or check the one that stands here.".to_owned(),
            (Some(choices), true) => format!(
                "چند شرکت این نام را دارند: {choices}. وب‌سایت یا شرکت مادر برند خود را در همین ردیف بنویسید."
            ),
            (Some(choices), false) => format!(
                "Several companies have this name: {choices}. Type the website or the parent company of yours into this row."
            ),
        };
        Outcome::Done {
            status: status.to_owned(),
            report: self.page(entry),
            cost: entry.cost_usd.as_f64(),
            time: self.time(entry.updated_at),
            note: text::shorten(&note, 1_000),
            changes: text::shorten(entry.changes.as_deref().unwrap_or_default(), 500),
            findings: None,
        }
    }

    /// The cells of a brand that failed.
    pub fn failure(&self, error: &str, at: Timestamp) -> Outcome {
        Outcome::Failed {
            status: self.failed.to_owned(),
            time: self.time(at),
            note: text::shorten(&text::clean(error), 500),
        }
    }
}

/// A name as a part of a path in an address. Every sign that might end a link in a text is written with percent signs.
fn in_a_url(name: &str) -> String {
    let encoded: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
    encoded.replace('+', "%20").replace('*', "%2A")
}

/// Cells of people that a warning names.
const LEFT_SHOWN: usize = 10;

#[derive(Debug)]
enum WriteCommand {
    Put(Target, Outcome),
    Write,
}

/// Takes results for the sheet; without a sheet to write to it takes nothing.
#[derive(Debug, Default)]
pub struct WriteBack {
    sender: Option<mpsc::UnboundedSender<WriteCommand>>,
    task: Option<JoinHandle<Result<(), ListError>>>,
    refusals: Option<mpsc::UnboundedReceiver<ListError>>,
}

/// The sheet with what is on its way into it.
struct WriterContext {
    sheet: SheetList,
    /// Results that are not written yet.
    waiting: BTreeMap<Target, Outcome>,
    /// Brands whose cells say that they are in progress.
    begun: BTreeSet<Target>,
    /// Brands of which it was said that their rows are gone.
    gone: BTreeSet<Target>,
    events: Events,
}

impl WriteBack {
    /// Results go into this sheet, those of `first` at once: a sheet that may not be written to is known before
    /// anything is paid for.
    pub async fn start(
        sheet: SheetList,
        first: Vec<(Target, Outcome)>,
        events: Events,
    ) -> Result<Self, ListError> {
        let mut context = WriterContext {
            sheet,
            waiting: first.into_iter().collect(),
            begun: BTreeSet::new(),
            gone: BTreeSet::new(),
            events,
        };
        context.write().await?;
        let (sender, receiver) = mpsc::unbounded_channel();
        let (refused, refusals) = mpsc::unbounded_channel();
        Ok(Self {
            sender: Some(sender),
            task: Some(tokio::spawn(context.work(receiver, refused))),
            refusals: Some(refusals),
        })
    }

    /// Keeps a result for the next write.
    pub fn put(&self, target: Target, outcome: Outcome) {
        self.send(WriteCommand::Put(target, outcome));
    }

    /// Writes what has come together.
    pub fn write(&self) {
        self.send(WriteCommand::Write);
    }

    /// Waits until the sheet may not be written to any more.
    pub async fn refused(&mut self) -> ListError {
        let refusal = match &mut self.refusals {
            Some(refusals) => refusals.recv().await,
            None => None,
        };
        match refusal {
            Some(error) => error,
            None => std::future::pending().await,
        }
    }

    /// Writes what is left and ends.
    pub async fn finish(mut self) -> Result<(), ListError> {
        self.sender = None;
        match self.task.take() {
            Some(task) => task
                .await
                .unwrap_or_else(|panic| Err(ListError::Content(panic.into()))),
            None => Ok(()),
        }
    }

    /// Leaves the sheet as it is.
    pub fn abandon(self) {
        if let Some(task) = self.task {
            task.abort();
        }
    }

    fn send(&self, message: WriteCommand) {
        if let Some(sender) = &self.sender {
            // The task ends only after the sender.
            let _ = sender.send(message);
        }
    }
}

impl WriterContext {
    async fn work(
        mut self,
        mut receiver: mpsc::UnboundedReceiver<WriteCommand>,
        refused: mpsc::UnboundedSender<ListError>,
    ) -> Result<(), ListError> {
        while let Some(message) = receiver.recv().await {
            match message {
                WriteCommand::Put(target, outcome) => {
                    self.waiting.insert(target, outcome);
                }
                WriteCommand::Write => match self.write().await {
                    Ok(()) => {}
                    Err(error) if is_refusal(&error) => {
                        // The run has ended already when nobody listens.
                        let _ = refused.send(error);
                    }
                    Err(error) => self.events.warn(format!(
                        "{error}. The results are saved; they are written to the sheet with the next chunk"
                    )),
                },
            }
        }
        // What is not done is not in progress any more.
        self.waiting
            .retain(|_, outcome| !matches!(outcome, Outcome::InProgress { .. }));
        for target in &self.begun {
            self.waiting
                .entry(target.clone())
                .or_insert(Outcome::PutBack);
        }
        self.write().await?;
        self.sheet.verify().await?;
        if let Some((tab, brands)) = self.sheet.findings_waiting() {
            self.events.warn(format!(
                "The columns of the tab «{tab}» were moved during the run, so the results of {brands} brands are not in \
                 it: move the columns back, delete the rows of these brands there and run again, which costs nothing"
            ));
        }
        let left: Vec<&str> = self.sheet.left().iter().map(String::as_str).collect();
        if !left.is_empty() {
            let more = match left.len().saturating_sub(LEFT_SHOWN) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            self.events.warn(format!(
                "Somebody changed cells of the program's columns during the run; they were left as they are: {}{more}. \
                 To have results there, clear these rows' cells and run again",
                left[..left.len().min(LEFT_SHOWN)].join("; ")
            ));
        }
        Ok(())
    }

    /// Writes what waits. It goes on waiting where it could not be written.
    async fn write(&mut self) -> Result<(), ListError> {
        let results: Vec<(Target, Outcome)> = self
            .waiting
            .iter()
            .map(|(t, o)| (t.clone(), o.clone()))
            .collect();
        let (rows, gone) = self.sheet.write(&results).await?;
        for (target, outcome) in std::mem::take(&mut self.waiting) {
            match outcome {
                Outcome::InProgress { .. } => self.begun.insert(target),
                Outcome::Done { .. }
                | Outcome::Failed { .. }
                | Outcome::PutBack
                | Outcome::Idle
                | Outcome::ForResultsTab(_) => self.begun.remove(&target),
            };
        }
        for target in gone {
            let has_result = results
                .iter()
                .any(|(of, outcome)| *of == target && outcome.is_result());
            if has_result && self.gone.insert(target.clone()) {
                self.events.warn(format!(
                    "{target} is not in the sheet any more: its result is in the registry only"
                ));
            }
        }
        if rows > 0 {
            self.events.say(Event::SheetWritten { rows });
        }
        Ok(())
    }
}

fn is_refusal(error: &ListError) -> bool {
    matches!(
        error,
        ListError::Call(CallError::Run {
            exit: Exit::Refused,
            ..
        })
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_in_an_address_is_one_part_of_its_path_whatever_its_name() {
        for (name, path) in [
            ("کاله", "%DA%A9%D8%A7%D9%84%D9%87"),
            (
                "نیم\u{200c}فاصله",
                "%D9%86%DB%8C%D9%85%E2%80%8C%D9%81%D8%A7%D8%B5%D9%84%D9%87",
            ),
            (
                "A (B), C's + D* #1 100%",
                "A%20%28B%29%2C%20C%27s%20%2B%20D%2A%20%231%20100%25",
            ),
        ] {
            let seen = in_a_url(name);
            assert_eq!(seen, path);
            let url = Url::parse(&format!("https://r.ir/{seen}/report.html")).unwrap();
            assert_eq!(url.path_segments().unwrap().next(), Some(path));
        }
    }
}
