//! One operation at the extents that the models give it, pass by pass, beside its floor:
//! `cargo bench --bench ops -- conv2d`. Several names select several operations; none selects all.
//! `--device cpu|gpu|both` chooses the device, `--seconds S` the time of each measurement.

#![expect(clippy::print_stdout, reason = "a bench prints its table")]

use std::path::Path;

use clap::Parser;
use genre_gpu::backend::Optimizer;
use genre_gpu::bench::{Devices, Options, run};
use genre_gpu::gpu::KernelVariant;
use genre_gpu::graph::Graph;
use genre_gpu::measure::Budget;
use genre_gpu::models::Model;
use genre_gpu::progress::Silent;

/// All operations with kernels.
const OPS: [&str; 17] = [
    "conv2d",
    "depthwise_conv2d",
    "max_pool2d",
    "avg_pool2d",
    "std_pool2d",
    "batch_norm",
    "activation",
    "dropout",
    "crop",
    "axis_to_channels",
    "concat",
    "add",
    "dense",
    "softmax",
    "gather",
    "penalty",
    "sgd",
];

/// Models that have them all between them.
const MODELS: [&str; 5] = [
    "p1",
    "p2",
    "p2-bands",
    "tests/fixtures/models/residual.toml",
    "tests/fixtures/models/separable.toml",
];

/// Times operations pass by pass at the extents that the built-in models give them.
#[derive(Parser)]
struct Args {
    /// Operations [default: all]
    #[arg(value_parser = clap::builder::PossibleValuesParser::new(OPS))]
    ops: Vec<String>,
    /// cpu, gpu or both
    #[arg(long, default_value = "cpu", value_parser = ["cpu", "gpu", "both"])]
    device: String,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// What cargo adds
    #[arg(long, hide = true)]
    bench: bool,
}

/// Whether a row of the table is of an operation. A fused pass is of all that it computes; on the
/// CPU the optimiser's step is part of each layer's update.
fn is_of(kernel: &str, op: &str) -> bool {
    let pools = ["max_pool2d", "avg_pool2d"].contains(&op) && kernel.contains("norm_pool2d");
    kernel.contains(op) || pools || (op == "sgd" && kernel.ends_with("_update"))
}

fn has_any(graph: &Graph, ops: &[String]) -> bool {
    let everywhere = |op: &String| ["gather", "penalty", "sgd"].contains(&op.as_str());
    let in_graph = |op: &String| graph.nodes().iter().any(|node| node.op.name() == op);
    ops.is_empty() || ops.iter().any(|op| everywhere(op) || in_graph(op))
}

fn main() -> genre_gpu::Result<()> {
    let args = Args::parse();
    println!(
        "{:<10} {:<28} {:<14} {:>9} {:>9} {:>8} {:>8}",
        "model", "kernel", "node", "µs", "GFLOP/s", "GB/s", "÷ floor"
    );
    for file in MODELS {
        let graph = Model::open(file)?.graph([80, 80, 1], 4)?;
        let model = Path::new(file).file_stem().unwrap_or_default().to_string_lossy();
        if !has_any(&graph, &args.ops) {
            continue;
        }
        let options = Options {
            devices: match args.device.as_str() {
                "gpu" => Devices::Gpu,
                "both" => Devices::Both,
                _ => Devices::Cpu,
            },
            batch: 32,
            samples: 320,
            adapter: None,
            variant: KernelVariant::default(),
            tiles: None,
            threads: 0,
            optimizer: Optimizer::sgd(0.01),
            budget: Budget { steps: 200, seconds: args.seconds },
        };
        for device in run(&graph, &options, &Silent)?.devices {
            println!("{}", device.name);
            for row in device.kernels {
                let name = row.kernel.as_str();
                if args.ops.is_empty() || args.ops.iter().any(|op| is_of(name, op)) {
                    println!(
                        "{model:<10} {name:<28} {:<14} {:>9.1} {:>9.1} {:>8.1} {:>8.2}",
                        row.node,
                        row.seconds.median * 1e6,
                        row.flop_per_second / 1e9,
                        row.bytes_per_second / 1e9,
                        row.times_floor
                    );
                }
            }
        }
    }
    Ok(())
}
