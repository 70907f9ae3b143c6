//! The lowering of the built-in models, as text: what is computed for each node, on which buffers, at
//! which cost. A change of a rule shows here, node by node.

use genre_gpu::cpu;
use genre_gpu::gpu::KernelVariant;
use genre_gpu::models::Model;
use genre_gpu::plan::Plan;

fn plan(model: &str) -> Plan {
    let graph = Model::open(model).unwrap().graph([80, 80, 1], 4).unwrap();
    Plan::new(graph, 32).unwrap()
}

fn check(plan: &Plan, golden: &str, file: &str) {
    let text = plan.to_string();
    let line = text.lines().zip(golden.lines()).position(|(got, want)| got != want);
    let line = line.unwrap_or(text.lines().count().min(golden.lines().count()));
    assert!(text == golden, "tests/fixtures/plans/{file}, line {}:\n{text}", line + 1);
}

#[test]
fn p1_for_the_cpu() {
    let golden = include_str!("../fixtures/plans/p1_cpu.txt");
    check(&plan("p1").fused(&cpu::FUSIONS), golden, "p1_cpu.txt");
}

#[test]
fn p2_for_the_cpu() {
    let golden = include_str!("../fixtures/plans/p2_cpu.txt");
    check(&plan("p2").fused(&cpu::FUSIONS), golden, "p2_cpu.txt");
}

#[test]
fn p2_for_the_gpu() {
    let golden = include_str!("../fixtures/plans/p2_gpu.txt");
    check(&plan("p2").fused(&KernelVariant::Fused.fusions()), golden, "p2_gpu.txt");
}

#[test]
fn p2_without_fusions() {
    let golden = include_str!("../fixtures/plans/p2_plain.txt");
    check(&plan("p2").fused(&KernelVariant::Plain.fusions()), golden, "p2_plain.txt");
}
