//! Words that messages put together.

pub(super) fn list(names: &[String]) -> String {
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

/// `3`, `3 (rock)`.
pub(super) fn class_name(class: u32, name: &Option<String>) -> String {
    match name {
        Some(name) => format!("{class} ({name})"),
        None => class.to_string(),
    }
}

pub(super) fn beside(npz: &[String]) -> String {
    if npz.is_empty() {
        return String::new();
    }
    format!("; there is also {}: to read an .npz, give its path", list(npz))
}

pub(super) fn label_gap(lowest: u32, highest: u32, missing: u32, others: usize) -> String {
    let (also, way_out) = match (lowest, others) {
        (1, 0) => return format!("labels run from 1 to {highest} and none is 0: subtract 1"),
        (_, 0) => (String::new(), "number the classes without gaps"),
        _ => (format!(" (nor {others} more between)"), "number the classes without gaps"),
    };
    format!(
        "labels run from {lowest} to {highest} and none is {missing}{also}: {way_out}, \
         or give --class-names"
    )
}
