//! The structured log: a JSON object a line for each event, and for each span when it ends, with what is known of the
//! spans around it.

use std::{
    fmt::Debug,
    io::Write,
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;
use serde_json::{Map, Value};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer,
    layer::Context,
    registry::{LookupSpan, SpanRef},
};

/// Writes what is logged as lines of JSON.
pub struct Lines<W> {
    out: Mutex<W>,
}

/// Fields of an event or a span, in the order in which they were set.
#[derive(Default)]
struct LogFields {
    all: Map<String, Value>,
    /// With how many of them a span began: those say what it is, and the others how it went.
    names: usize,
}

impl<W: Write> Lines<W> {
    /// Lines go to this writer, each with one call.
    pub fn new(out: W) -> Self {
        Self {
            out: Mutex::new(out),
        }
    }

    /// A line with these fields and those of the spans around, as far as it has no fields of these names itself.
    fn write<'a, S: for<'s> LookupSpan<'s> + 'a>(
        &self,
        metadata: &Metadata<'_>,
        own: Map<String, Value>,
        around: impl Iterator<Item = SpanRef<'a, S>>,
    ) {
        let mut line = Map::new();
        line.insert(
            "timestamp".into(),
            format!("{:.6}", Timestamp::now()).into(),
        );
        line.insert("level".into(), metadata.level().as_str().into());
        line.extend(own);
        for span in around {
            if let Some(fields) = span.extensions().get::<LogFields>() {
                for (name, value) in fields.all.iter().take(fields.names) {
                    line.entry(name).or_insert_with(|| value.clone());
                }
            }
        }
        let mut line = Value::Object(line).to_string();
        line.push('\n');
        // A log that cannot be written is no reason to end a run; the readable one complains on standard error.
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = out.write_all(line.as_bytes());
    }
}

impl<W, S> Layer<S> for Lines<W>
where
    W: Write + 'static,
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = LogFields::default();
        attributes.record(&mut fields);
        fields.names = fields.all.len();
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<LogFields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = LogFields::default();
        event.record(&mut fields);
        let around = context.event_scope(event).into_iter().flatten();
        self.write(event.metadata(), fields.all, around);
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else {
            return;
        };
        let mut own = Map::new();
        own.insert("span".into(), span.name().into());
        if let Some(fields) = span.extensions_mut().get_mut::<LogFields>() {
            own.append(&mut fields.all);
        }
        let around = span.parent().into_iter().flat_map(|parent| parent.scope());
        self.write(span.metadata(), own, around);
    }
}

impl LogFields {
    fn set(&mut self, field: &Field, value: impl Into<Value>) {
        // Those are for OpenTelemetry alone.
        if !field.name().starts_with("otel.") {
            self.all.insert(field.name().into(), value.into());
        }
    }
}

impl Visit for LogFields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.set(field, format!("{value:?}"));
    }
}
