//! When a mode is lowered: windows of a policy, by the time of day somewhere; freezes of the cluster, by dates.

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use kubemend_api::Mode;
use kubemend_api::calendar as api;

use crate::moment::Moment;

/// A window of a policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// Its name.
    pub name: String,
    /// The highest mode while it is open.
    pub mode: Mode,
    from: Time,
    to: Time,
    /// `None` where this program knows no such zone: then the window is always open, since what was meant as a
    /// limit must not be lost.
    zone: Option<TimeZone>,
}

impl Window {
    /// Compiles a window; what cannot be read becomes a problem that names the field.
    pub fn compile(window: &api::Window, field: &str, problems: &mut Vec<String>) -> Self {
        let mut time = |text: &str, member: &str| {
            let parsed = format!("{text}:00").parse::<Time>();
            parsed.unwrap_or_else(|_| {
                let what = format!("{field}.{member}: {text:?} is no time of day; write \"20:00\"");
                problems.push(what);
                Time::midnight()
            })
        };
        let (from, to) = (time(&window.from, "from"), time(&window.to, "to"));
        let zone = TimeZone::get(&window.time_zone).ok();
        if zone.is_none() {
            problems.push(format!(
                "{field}.timeZone: no zone is called {:?}; write an IANA name such as Europe/Berlin, or UTC",
                window.time_zone
            ));
        }
        Self {
            name: window.name.clone(),
            mode: window.mode,
            from,
            to,
            zone,
        }
    }

    /// Whether it is open now.
    pub fn is_open(&self, now: Moment) -> bool {
        let Some(local) = self.local(now) else {
            return true;
        };
        let time = local.time();
        if self.from <= self.to {
            self.from <= time && time < self.to
        } else {
            self.from <= time || time < self.to
        }
    }

    /// When it opens or closes next.
    pub fn changes_at(&self, now: Moment) -> Option<Moment> {
        let local = self.local(now)?;
        let today = local.date();
        let days = [Some(today), today.tomorrow().ok()];
        let times = days.into_iter().flatten().flat_map(|day| {
            [self.from, self.to]
                .map(|time| day.to_datetime(time).to_zoned(local.time_zone().clone()))
        });
        let moments = times.filter_map(|one| Some(moment(&one.ok()?)));
        moments.filter(|at| *at > now).min()
    }

    fn local(&self, now: Moment) -> Option<Zoned> {
        let at = Timestamp::from_millisecond(now.as_millis()).ok()?;
        Some(at.to_zoned(self.zone.clone()?))
    }
}

fn moment(at: &Zoned) -> Moment {
    Moment::from_millis(at.timestamp().as_millisecond())
}

/// A freeze of the whole cluster.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Freeze {
    pub name: String,
    pub ceiling: Mode,
    from: Moment,
    to: Moment,
}

impl Freeze {
    /// Reads a freeze. A date that cannot be held is as far away as can be.
    pub fn read(freeze: &api::Freeze) -> Self {
        let read = |at: &kubemend_api::event::Timestamp, otherwise| {
            at.as_millis().map_or(otherwise, Moment::from_millis)
        };
        Self {
            name: freeze.name.clone(),
            ceiling: freeze.mode_ceiling,
            from: read(&freeze.from, Moment::from_millis(0)),
            to: read(&freeze.to, Moment::MAX),
        }
    }

    /// Whether it is on now.
    pub fn is_on(&self, now: Moment) -> bool {
        self.from <= now && now < self.to
    }

    /// When it begins or ends next.
    pub fn changes_at(&self, now: Moment) -> Option<Moment> {
        [self.from, self.to].into_iter().find(|at| *at > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from: &str, to: &str, zone: &str) -> Window {
        let window = api::Window {
            name: "night".to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
            time_zone: zone.to_owned(),
            mode: Mode::DryRun,
        };
        let mut problems = Vec::new();
        let compiled = Window::compile(&window, "spec.windows[0]", &mut problems);
        assert_eq!(problems.is_empty(), compiled.zone.is_some(), "{problems:?}");
        compiled
    }

    fn at(text: &str) -> Moment {
        Moment::parse(text).expect("a time")
    }

    #[test]
    fn a_night_ends_on_the_next_day_in_its_own_zone() {
        let night = window("20:00", "07:00", "Europe/Berlin");
        // 20:00 in Berlin is 19:00 UTC in winter and 18:00 in summer.
        for (now, open) in [
            ("2026-01-10T18:59:59Z", false),
            ("2026-01-10T19:00:00Z", true),
            ("2026-01-11T05:59:59Z", true),
            ("2026-01-11T06:00:00Z", false),
            ("2026-07-10T18:00:00Z", true),
            ("2026-07-11T05:00:00Z", false),
        ] {
            assert_eq!(night.is_open(at(now)), open, "{now}");
        }
        let next = night.changes_at(at("2026-01-10T12:00:00Z"));
        assert_eq!(next, Some(at("2026-01-10T19:00:00Z")));
        let next = night.changes_at(at("2026-01-10T22:00:00Z"));
        assert_eq!(next, Some(at("2026-01-11T06:00:00Z")));
    }

    #[test]
    fn the_day_on_which_clocks_change_has_its_window() {
        // On 29 March 2026 there is no 02:30 in Berlin.
        let gap = window("02:30", "04:00", "Europe/Berlin");
        let next = gap.changes_at(at("2026-03-29T00:00:00Z"));
        assert_eq!(next, Some(at("2026-03-29T01:30:00Z")));
        assert!(gap.is_open(at("2026-03-29T01:30:00Z")));
    }

    #[test]
    fn a_zone_that_nobody_knows_limits_always() {
        let window = window("01:00", "02:00", "Mars/Olympus");
        assert!(window.is_open(at("2026-01-10T12:00:00Z")));
        assert_eq!(window.changes_at(at("2026-01-10T12:00:00Z")), None);
    }
}
