//! How time and memory of training grow with samples, image size, channels and batch:
//! `cargo bench --bench scaling`, or `-- --quick` for a first look, `-- --device gpu` for the GPU.
//!
//! Each point is a process of its own, this program again, so that its peak memory is its own.
//! Exponents are slopes of a least-squares line through the logarithms; the one of the
//! arithmetic, counted from the graph, stands beside that of the time.

#![expect(clippy::print_stdout, reason = "a bench prints its table")]

mod axis;
mod fit;
mod point;
mod table;

use std::error::Error;
use std::process::Command;

use axis::Axis;
use genre_gpu::device::Device;
use point::{Measured, Point};

/// How a child is told to measure a point.
const POINT: &str = "--point";

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo adds --bench.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let (mut quick, mut device) = (false, Device::Cpu);
    let mut words = words.as_slice();
    loop {
        words = match words {
            [] => break,
            [POINT, point] => {
                let measured = serde_json::from_str::<Point>(point)?.measure()?;
                println!("{}", serde_json::to_string(&measured)?);
                return Ok(());
            }
            ["--quick", rest @ ..] => {
                quick = true;
                rest
            }
            ["--device", "cpu", rest @ ..] => rest,
            ["--device", "gpu", rest @ ..] => {
                device = Device::Gpu;
                rest
            }
            [other, ..] => {
                let usage = "--quick and --device cpu or gpu are all that this bench takes";
                return Err(format!("{other}: {usage}").into());
            }
        };
    }
    for axis in Axis::ALL {
        let points = axis.points(quick, device);
        let measured = points.iter().map(measure).collect::<Result<Vec<_>, _>>()?;
        println!("{}", table::table(axis, &points, &measured)?);
    }
    Ok(())
}

/// Measures in a process of its own.
fn measure(point: &Point) -> Result<Measured, Box<dyn Error>> {
    let text = serde_json::to_string(point)?;
    let output = Command::new(std::env::current_exe()?).args([POINT, &text]).output()?;
    if !output.status.success() {
        return Err(format!("{text}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
