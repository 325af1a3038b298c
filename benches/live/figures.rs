//! How figures are printed.

use std::fmt::Display;
use std::time::Duration;

/// One figure.
pub fn figure(name: &str, value: impl Display, unit: &str, how: &str) {
    println!("figure: {name} = {value} {unit} ({how})");
}

/// Median, fastest and slowest of some times, in milliseconds.
pub fn times(name: &str, mut all: Vec<Duration>, how: &str) {
    assert!(!all.is_empty(), "{name} was never measured");
    all.sort();
    let middle = all.len() / 2;
    let median = if all.len().is_multiple_of(2) { (all[middle - 1] + all[middle]) / 2 } else { all[middle] };
    let ms = |time: Duration| format!("{:.1}", time.as_secs_f64() * 1e3);
    figure(&format!("{name}.median"), ms(median), "ms", &format!("{how}; {} times", all.len()));
    figure(&format!("{name}.min"), ms(all[0]), "ms", "the fastest of them");
    figure(&format!("{name}.max"), ms(all[all.len() - 1]), "ms", "the slowest of them");
}

/// How busy the machine is: what every other figure is to be read with.
pub fn load(when: &str) {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let averages = text.split(' ').take(3).collect::<Vec<_>>().join(" ");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("load average {when}: {averages} on {cores} cores");
}
