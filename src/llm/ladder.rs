//! The ladder of forms, from an enforced schema down to plain words, with parameters renamed or left out. A finding
//! holds for the whole run, and one question at a time looks for it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Mutex as FairMutex, OwnedMutexGuard},
    time::timeout,
};

use super::{
    advice::{NOT_KNOWN, OF_THIS_SCHEMA, RefusalAdvice, advice},
    request::{Form, Step},
};
use crate::{
    error_kind::ErrorKind,
    http::{error_text::ErrorText, refusal::Refusal},
    text,
};

/// What is known of one model in this run.
#[derive(Debug)]
pub(super) struct Ladder {
    known: Mutex<ModelFindings>,
}

#[derive(Debug)]
struct ModelFindings {
    /// What holds for every schema.
    form: Form,
    /// By the name of the schema.
    schemas: HashMap<&'static str, Schema>,
}

#[derive(Debug, Default)]
struct Schema {
    /// The step that it was refused down to.
    step: Step,
    /// It was answered at its step.
    is_proven: bool,
    /// Held by the question that finds the step out.
    first: Arc<FairMutex<()>>,
}

/// How to ask again.
#[derive(Debug)]
pub(super) struct Next {
    pub form: Form,
    /// What the user is told: now, or once the lower step has been answered.
    pub told: Option<String>,
    pub told_later: Option<String>,
}

impl Ladder {
    pub fn new(form: Form) -> Self {
        Self {
            known: Mutex::new(ModelFindings {
                form,
                schemas: HashMap::new(),
            }),
        }
    }

    /// How a question with this schema is put now.
    pub fn form(&self, schema: &'static str) -> Form {
        self.known().form_of(schema)
    }

    /// Waits while another question finds out how this schema can be asked for, but not for longer than a refusal takes to
    /// come. What is returned is held until the answer is there.
    pub async fn turn(
        &self,
        schema: &'static str,
        longest: Duration,
    ) -> Option<OwnedMutexGuard<()>> {
        let first = {
            let mut known = self.known();
            let schema = known.schemas.entry(schema).or_default();
            if schema.is_proven {
                return None;
            }
            Arc::clone(&schema.first)
        };
        let turn = timeout(longest, first.lock_owned()).await.ok();
        let is_proven = self
            .known()
            .schemas
            .get(schema)
            .is_some_and(|of| of.is_proven);
        // Those that waited go together, once one was answered.
        turn.filter(|_| !is_proven)
    }

    /// A question in this form was answered. Returns whether that lowered the step.
    pub fn answered(&self, schema: &'static str, form: &Form) -> bool {
        let mut known = self.known();
        let of_schema = known.schemas.entry(schema).or_default();
        of_schema.is_proven = true;
        let lowered = form.step > of_schema.step;
        of_schema.step = of_schema.step.max(form.step);
        lowered
    }

    /// What to do after a question in this form was refused; `None` where no other form is left.
    pub fn refused(
        &self,
        slug: &str,
        schema: &'static str,
        tried: &Form,
        refusal: &Refusal,
    ) -> Option<Next> {
        let code = match refusal.status? {
            // An error in the body of a 200 is one of the request where it has no code of its own.
            200..=299 if refusal.kind == ErrorKind::Refused => 400,
            code => code,
        };
        let empty = ErrorText::default();
        let words = refusal.words.as_ref().unwrap_or(&empty);
        let mut known = self.known();
        let now = known.form_of(schema);
        let is_proven = known.schemas.entry(schema).or_default().is_proven;
        // A question that was on its way when another found out more.
        if now != *tried && now.step >= tried.step {
            return Some(Next {
                form: now,
                told: None,
                told_later: None,
            });
        }
        let advices = advice(code, words, tried);
        let mut form = *tried;
        let mut said = Vec::new();
        let reason = text::shorten(&refusal.message, 160);
        for advice in &advices {
            let before = form;
            form = advice.applied(form);
            said.push(advice.told(slug, &before, &form, &reason));
        }
        if form == *tried {
            return None;
        }
        let told = Some(said.join("; "));
        if advices == [RefusalAdvice::Try] {
            // Once a schema was taken, a refusal without a reason has another reason.
            return (!is_proven).then_some(Next {
                form,
                told: None,
                told_later: told,
            });
        }
        known.remember(schema, tried, &form, words);
        Some(Next {
            form,
            told,
            told_later: None,
        })
    }

    fn known(&self) -> MutexGuard<'_, ModelFindings> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ModelFindings {
    fn form_of(&self, schema: &str) -> Form {
        let step = self
            .schemas
            .get(schema)
            .map_or(Step::JsonSchema, |schema| schema.step);
        Form {
            step: step.max(self.form.step),
            ..self.form
        }
    }

    fn remember(&mut self, schema: &'static str, tried: &Form, form: &Form, words: &ErrorText) {
        let of_model = words.has(&NOT_KNOWN) && !words.has(&OF_THIS_SCHEMA)
            || words.has(&["requested parameters"]);
        // A parameter that is not known says nothing about the step.
        let step = match of_model && form.step > tried.step {
            true => form.step.max(self.form.step),
            false => self.form.step,
        };
        self.form = Form { step, ..*form };
        let schema = self.schemas.entry(schema).or_default();
        if form.step > schema.step {
            schema.step = form.step;
            schema.is_proven = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_kind::ErrorKind;
    use crate::llm::request::Routing;
    use serde_json::{Value, json};

    fn refusal(code: u16, error: &Value) -> Refusal {
        Refusal {
            kind: ErrorKind::Refused,
            status: Some(code),
            message: "no".into(),
            words: ErrorText::of(&json!({"error": error})),
            billed: false,
            trouble: None,
        }
    }

    #[test]
    fn every_refusal_ends_on_the_lowest_step() {
        let ladder = Ladder::new(Form::FULL);
        let mut form = ladder.form("analyst");
        let no = refusal(400, &json!({"message": "parameter is not supported"}));
        let mut steps = 0;
        while let Some(next) = ladder.refused("m", "analyst", &form, &no) {
            form = next.form;
            steps += 1;
            assert!(steps < 10, "{form:?}");
        }
        assert_eq!(
            (form.step, form.reasoning, form.routing),
            (Step::PlainText, false, Routing::Unsaid)
        );
    }

    #[test]
    fn a_step_is_remembered_for_the_schema_or_for_the_model() {
        let ladder = Ladder::new(Form::FULL);
        let large = refusal(400, &json!({"message": "The schema has too many states"}));
        let next = ladder.refused("m", "analyst", &Form::FULL, &large).unwrap();
        assert!(next.told.unwrap().contains("m refuses strict JSON schemas"));
        assert_eq!(ladder.form("analyst").step, Step::JsonObject);
        assert_eq!(
            ladder.form("strategist").step,
            Step::JsonSchema,
            "another schema may be taken"
        );
        // One that was on its way meanwhile goes on with what is known, and it is said once.
        let late = ladder.refused("m", "analyst", &Form::FULL, &large).unwrap();
        assert_eq!((late.form.step, late.told), (Step::JsonObject, None));
        let never = refusal(400, &json!({"message": "response_format is not supported"}));
        ladder
            .refused("m", "strategist", &Form::FULL, &never)
            .unwrap();
        assert_eq!(
            ladder.form("third").step,
            Step::JsonObject,
            "no schema is taken"
        );
    }

    #[test]
    fn a_refused_parameter_says_nothing_about_the_step_of_other_schemas() {
        let ladder = Ladder::new(Form::FULL);
        let large = refusal(400, &json!({"message": "The schema has too many states"}));
        let lower = ladder
            .refused("m", "analyst", &Form::FULL, &large)
            .unwrap()
            .form;
        let reasoning = refusal(400, &json!({"message": "Unknown parameter: reasoning"}));
        let next = ladder.refused("m", "analyst", &lower, &reasoning).unwrap();
        assert!(!next.form.reasoning);
        assert_eq!(ladder.form("strategist").step, Step::JsonSchema);
        assert!(!ladder.form("strategist").reasoning);
    }

    #[test]
    fn an_error_in_a_200_without_a_code_steps_down_too() {
        let ladder = Ladder::new(Form::FULL);
        let in_200 = refusal(
            200,
            &json!({"message": "Invalid schema for response_format"}),
        );
        let next = ladder
            .refused("m", "analyst", &Form::FULL, &in_200)
            .unwrap();
        assert_eq!(next.form.step, Step::JsonObject);
    }

    #[test]
    fn a_refusal_without_a_reason_is_remembered_only_when_the_lower_step_is_answered() {
        let ladder = Ladder::new(Form::FULL);
        let bare = refusal(400, &json!({"message": "Provider returned error"}));
        let next = ladder.refused("m", "analyst", &Form::FULL, &bare).unwrap();
        assert!(next.told.is_none() && next.told_later.is_some());
        assert_eq!(ladder.form("analyst").step, Step::JsonSchema);
        assert!(ladder.answered("analyst", &next.form), "that is news");
        assert_eq!(ladder.form("analyst").step, Step::JsonObject);
        assert!(
            ladder.refused("m", "analyst", &next.form, &bare).is_none(),
            "it was taken before"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn others_wait_for_the_first_answer_but_not_for_ever() {
        let ladder = Ladder::new(Form::FULL);
        let wait = Duration::from_secs(10);
        let first = ladder.turn("analyst", wait).await;
        assert!(first.is_some());
        let begun = tokio::time::Instant::now();
        assert!(ladder.turn("analyst", wait).await.is_none());
        assert!(begun.elapsed() >= wait, "a refusal would have come by then");
        assert!(
            ladder.turn("strategist", wait).await.is_some(),
            "another schema has its own turn"
        );
        ladder.answered("analyst", &Form::FULL);
        let begun = tokio::time::Instant::now();
        assert!(ladder.turn("analyst", wait).await.is_none());
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }
}
