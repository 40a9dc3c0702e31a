//! The reconciliation of what the services say was spent with what was counted here.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::timeout;

use crate::{
    llm::{self, KeyInfo},
    money::Usd,
    research::Research,
    search::tavily::{self, KeyUsage},
    store::{
        paid::Paid,
        reconciliation::{UsageComparison, UsageReading},
    },
};

/// The longest that a service is waited for at the end, when nothing depends on its figures.
const LONGEST_READING: Duration = Duration::from_secs(7);

/// The services' figures before a run.
#[derive(Debug)]
pub struct UsageReconciliation {
    paid: Arc<Paid>,
    credit_price: Usd,
    openrouter: Option<UsageReading>,
    tavily: Option<UsageReading>,
}

/// A service, and what it says of this run.
pub type UsageLine = (&'static str, UsageComparison);

impl UsageReconciliation {
    /// Takes the figures down that came with the validation of the keys. Calls that were lost in earlier runs are
    /// settled by them.
    pub async fn open(
        paid: &Arc<Paid>,
        key: Option<&KeyInfo>,
        credits: &KeyUsage,
        credit_price: Usd,
    ) -> anyhow::Result<Self> {
        let mut bill = Self {
            paid: Arc::clone(paid),
            credit_price,
            openrouter: None,
            tavily: None,
        };
        bill.openrouter = bill
            .read(llm::NAME, spent(key), llm::longest_call())
            .await?;
        let used = bill.of_credits(credits);
        bill.tavily = bill.read(tavily::NAME, used, tavily::TIMEOUT).await?;
        Ok(bill)
    }

    /// Asks for the figures again, and compares. A service that does not answer now is left out.
    pub async fn close(self, research: &Research) -> anyhow::Result<Vec<UsageLine>> {
        let (key, credits) = tokio::join!(
            timeout(LONGEST_READING, research.openrouter.key()),
            timeout(LONGEST_READING, research.tavily.usage())
        );
        let key = key.ok().and_then(Result::ok).flatten();
        let key = spent(key.as_ref());
        let credits = credits.ok().and_then(Result::ok);
        let credits = credits.and_then(|credits| self.of_credits(&credits));
        let mut items = Vec::new();
        for (service, before, now, longest) in [
            (llm::NAME, &self.openrouter, key, llm::longest_call()),
            (tavily::NAME, &self.tavily, credits, tavily::TIMEOUT),
        ] {
            let now = self.read(service, now, longest).await?;
            if let (Some(before), Some(now)) = (before, now) {
                items.push((service, self.paid.compare(service, before, &now).await?));
            }
        }
        Ok(items)
    }

    async fn read(
        &self,
        service: &str,
        usd: Option<Usd>,
        longest: Duration,
    ) -> anyhow::Result<Option<UsageReading>> {
        let Some(usd) = usd else { return Ok(None) };
        self.paid
            .take_reading(service, usd, longest, Timestamp::now())
            .await
    }

    fn of_credits(&self, credits: &KeyUsage) -> Option<Usd> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "credits are counted, and bounded"
        )]
        let credits = credits.usage?.clamp(0.0, 1e12).round() as u64;
        Some(self.credit_price.times(credits))
    }
}

/// What a key has spent, in US dollars.
fn spent(key: Option<&KeyInfo>) -> Option<Usd> {
    Usd::from_f64(key?.usage?)
}
