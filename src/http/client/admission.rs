//! The admission of a call: its turn at the service, and its money within the budget.

use std::time::Duration;

use jiff::Timestamp;
use tokio::{
    sync::futures::Notified,
    time::{sleep, sleep_until, timeout},
};

use super::HttpClient;
use crate::{
    http::{
        call::{CallError, Request, Service},
        rate_limiter::Pass,
    },
    store::paid::{Admitted, Ask, CachedResponse, Hold, HoldError, RequestHash},
};

/// The wait until it is looked again whether another host has brought an answer, or given money back.
const ELSEWHERE: Duration = Duration::from_millis(300);

/// What a request gets when its turn has come.
pub(super) enum Turn {
    Send(Pass, Option<Hold>),
    Kept(CachedResponse),
}

impl HttpClient {
    /// Waits for the request's turn, and sets its money aside when the turn has come: who waits for a turn keeps no
    /// money from others, and who waits for money keeps nobody from his turn.
    pub(super) async fn admit(
        &self,
        service: &Service,
        request: &Request,
        hash: RequestHash,
        since: Timestamp,
    ) -> Result<Turn, CallError> {
        loop {
            let mut pass = self.unless_stopped(service.gate.enter()).await?;
            let Some(price) = &request.price else {
                self.wait_for_turn(service).await?;
                pass.begin();
                return Ok(Turn::Send(pass, None));
            };
            // Listening begins before the look, so that money coming back in between is not missed.
            let freed = self.paid.freed();
            let ask = Ask {
                service: service.name,
                stage: request.kind(),
                model: request.model.as_deref(),
                hash,
                since,
                worst: price.worst,
                payer: &request.payer,
                slot: service.gate.slot(),
            };
            match self.paid.hold(ask).await {
                Ok(Admitted::Held(hold, at)) => {
                    if let Err(stopped) = self.unless_stopped(sleep_until(at)).await {
                        hold.release().await?;
                        return Err(stopped);
                    }
                    pass.begin();
                    return Ok(Turn::Send(pass, Some(hold)));
                }
                Ok(Admitted::Kept(kept)) => {
                    service.gate.give_back(pass);
                    return Ok(Turn::Kept(kept));
                }
                Err(error) => {
                    service.gate.give_back(pass);
                    self.wait_for_money(error, freed).await?;
                }
            }
        }
    }

    /// Waits until a request that costs nothing has its turn among those of all hosts.
    async fn wait_for_turn(&self, service: &Service) -> Result<(), CallError> {
        let (Some(slot), Some(turns)) = (service.gate.slot(), self.paid.turns()) else {
            return Ok(());
        };
        let at = self.unless_stopped(turns.turn(slot)).await??;
        self.unless_stopped(sleep_until(at)).await
    }

    /// Waits until money may have come back.
    async fn wait_for_money(
        &self,
        refused: HoldError,
        freed: Notified<'_>,
    ) -> Result<(), CallError> {
        let elsewhere = self.paid.turns().is_some();
        match refused {
            HoldError::Wait if elsewhere => {
                let _ = self.unless_stopped(timeout(ELSEWHERE, freed)).await?;
                Ok(())
            }
            HoldError::Wait => self.unless_stopped(freed).await,
            HoldError::Busy => self.unless_stopped(sleep(ELSEWHERE)).await,
            HoldError::Lost => Err(CallError::Lost),
            HoldError::Budget {
                limit,
                needed,
                left,
            } => Err(CallError::Budget {
                limit,
                needed,
                left,
            }),
            HoldError::Store(error) => Err(error.into()),
        }
    }
}
