//! The interpreter on small kernels whose counts are known by hand.

use std::collections::HashMap;

use super::machine::Machine;
use super::profile::interpret;
use super::program::{Bound, Program};
use super::trace::Totals;
use super::{Bound as BoundBy, Chain, Hardware, Profile, predict};

/// Words of each buffer: more than any of the kernels reaches.
const LEN: u32 = 65_536;

fn program(text: &str, constants: &[(&str, f64)]) -> Program {
    let constants = constants.iter().map(|(name, value)| ((*name).to_owned(), *value));
    Program::new(text, constants.collect::<HashMap<_, _>>()).unwrap()
}

fn unknown() -> Bound<'static> {
    Bound { words: &[], start: 0, len: LEN, is_known: false }
}

/// Counts of workgroup 0 of 4.
fn totals(text: &str, constants: &[(&str, f64)]) -> Totals {
    let program = program(text, constants);
    let size = program.module.entry_points[0].workgroup_size;
    let bindings = [unknown(), unknown(), unknown()];
    let mut machine = Machine::new(&program, &bindings, size.iter().product::<u32>() as usize);
    super::interpret::run(&mut machine, [0; 3], [4, 1, 1]).unwrap();
    machine.trace.totals()
}

fn kernel(declarations: &str, body: &str) -> String {
    format!(
        "@group(0) @binding(0) var<storage, read> x: array<f32>;
         @group(0) @binding(1) var<storage, read_write> y: array<f32>;
         @group(0) @binding(2) var<storage, read> v: array<vec4<f32>>;
         {declarations}
         @compute @workgroup_size(64)
         fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3<u32>) {{
         {body}
         }}"
    )
}

#[test]
fn neighbouring_threads_share_a_line_and_strided_ones_do_not() {
    for (index, lines) in [("local", 1.0), ("local * 2u", 2.0), ("local * 32u", 32.0), ("7u", 1.0)]
    {
        let counts = totals(&kernel("", &format!("y[local] = x[{index}];")), &[]).counts;
        // Two warps.
        assert_eq!((counts.loads, counts.load_lines), (2.0, 2.0 * lines), "{index}");
        assert_eq!((counts.stores, counts.store_lines), (2.0, 2.0));
    }
    // 32 vectors of 16 bytes.
    let counts = totals(&kernel("", "let a = v[local]; y[local] = a.x + a.w;"), &[]).counts;
    assert_eq!((counts.loads, counts.load_lines), (2.0, 8.0));
    assert_eq!(counts.fresh_lines, 8.0 + 2.0);
}

#[test]
fn a_loop_is_counted_as_often_as_it_runs_and_products_join_sums() {
    let body = "var sum = 0.0;
        for (var i = 0u; i < len; i++) { sum += x[local + 64u * i] * x[i]; }
        y[local] = sum;";
    let text = kernel("override len: u32;", body);
    let [ten, twenty] = [10.0, 20.0].map(|len| totals(&text, &[("len", len)]));
    assert_eq!((ten.fma_per_thread, ten.loads_per_thread), (10.0, 20.0));
    assert_eq!((twenty.fma_per_thread, twenty.loads_per_thread), (20.0, 40.0));
    assert_eq!(ten.counts.load_lines, 2.0 * 2.0 * 10.0);
    // Each iteration waits for its loads, and for the sum before it.
    let waits = |totals: &Totals| totals.chain.loads + totals.chain.cached;
    assert_eq!(waits(&twenty) - waits(&ten), 10.0);
    // Each iteration costs the same.
    let each = (twenty.counts.issue - ten.counts.issue) / 10.0 / 2.0;
    assert!((10.0..20.0).contains(&each), "{each} instructions");
}

#[test]
fn what_does_not_change_in_a_loop_is_computed_once() {
    let body = |index: &str| {
        let body = format!(
            "var sum = 0.0;
             for (var i = 0u; i < 16u; i++) {{ sum += x[{index}]; }}
             y[local] = sum;"
        );
        totals(&kernel("", &body), &[]).counts
    };
    let [varying, fixed] = [body("local / 5u + i"), body("local / 5u * 3u")];
    assert_eq!((varying.loads, fixed.loads), (32.0, 2.0), "a load of what is only read");
    assert!(fixed.integers < varying.integers);
}

#[test]
fn what_nothing_reads_is_not_counted() {
    let counts = totals(&kernel("", "let a = x[local + 1u] * 3.0; y[local] = 1.0;"), &[]).counts;
    assert_eq!((counts.loads, counts.fma, counts.stores), (0.0, 0.0, 2.0));
}

#[test]
fn both_sides_of_a_branch_are_paid_where_neighbours_take_both() {
    let issue = |condition: &str| {
        let body = format!(
            "var a = f32(local);
             if {condition} {{ a = exp(a); }} else {{ a = log(a) * log(a + 1.0); }}
             y[local] = a;"
        );
        totals(&kernel("", &body), &[]).counts.special
    };
    let [even, warps, one] = ["local % 2u == 0u", "local < 32u", "group.x == 0u"].map(issue);
    assert_eq!(even, 2.0 * (5.0 + 10.0), "every warp pays both");
    assert_eq!(warps, 5.0 + 10.0, "each warp pays its own");
    assert_eq!(one, 2.0 * 5.0);
    // What data decide may go either way.
    assert_eq!(issue("x[0] > 1.0"), 2.0 * (5.0 + 10.0));
}

#[test]
fn threads_that_return_or_leave_a_loop_early_wait_for_the_others_of_their_warp() {
    let body = "var sum = 0.0;
        for (var i = 0u; i < local; i++) { sum += x[i]; }
        if local == 3u { return; }
        y[local] = sum;";
    let totals = totals(&kernel("", body), &[]);
    assert_eq!(totals.counts.loads, 31.0 + 63.0);
    assert_eq!(totals.counts.stores, 2.0);
}

#[test]
fn a_tree_in_workgroup_memory_has_its_barriers_and_banks() {
    let body = "sums[local] = x[local];
        for (var half = 32u; half > 0u; half /= 2u) {
            workgroupBarrier();
            if local < half { sums[local] += sums[local + half]; }
        }
        if local == 0u { y[group.x] = sums[0]; }";
    let totals = totals(&kernel("var<workgroup> sums: array<f32, 64>;", body), &[]);
    assert_eq!(totals.counts.barriers, 2.0 * 6.0);
    assert_eq!(totals.chain.barriers, 6.0);
    // A store by both warps, then two loads and a store of one warp in each of six rounds, and a load.
    assert_eq!(totals.counts.workgroup_accesses, 2.0 + 18.0 + 1.0);
    assert_eq!(totals.counts.workgroup_passes, totals.counts.workgroup_accesses);
    // The constant of an address is a part of the load.
    let integers = |index: &str| {
        let body = format!("sums[local] = 1.0; workgroupBarrier(); y[local] = sums[{index}];");
        let text = kernel("var<workgroup> sums: array<f32, 128>;", &body);
        self::totals(&text, &[]).counts.integers
    };
    assert_eq!(integers("local + 7u"), integers("local"));
    let banks = |stride: &str| {
        let body = format!(
            "sums[local * {stride} % 64u] = 1.0; workgroupBarrier(); y[local] = sums[local];"
        );
        let text = kernel("var<workgroup> sums: array<f32, 64>;", &body);
        self::totals(&text, &[]).counts.workgroup_passes
    };
    assert_eq!([banks("1u"), banks("2u")], [4.0, 2.0 + 4.0], "two words of each second bank");
}

#[test]
fn products_of_matrices_are_multiply_adds() {
    let of = |body: &str| totals(&kernel("", body), &[]).fma_per_thread;
    let matrix = "let v0 = v[local]; let m = mat4x4(v0, v0.yzwx, v0.zwxy, v0.wxyz);";
    // Four products each begin a sum.
    assert_eq!(of(&format!("{matrix} y[local] = dot(m * v[64u], v[65u]);")), 12.0 + 3.0);
    let squared = "let p = m * m; y[local] = p[0].x; y[local + 64u] = p[1].y;";
    assert_eq!(of(&format!("{matrix} {squared}")), 6.0, "two of sixteen elements are used");
    let outer = "var sum = mat4x4<f32>();
        for (var i = 0u; i < 8u; i++) { let a = v[i]; sum += mat4x4(a.x * v[local], a.y * v[local], a.z * v[local], a.w * v[local]); }
        y[local] = sum[0].x + sum[1].y + sum[2].z + sum[3].w;";
    assert_eq!(of(outer), 4.0 * 8.0, "four of sixteen elements are used");
}

#[test]
fn registers_are_the_values_that_are_needed_later() {
    let registers = |count: usize| {
        let loads: String =
            (0..count).map(|i| format!("let a{i} = x[local + {}u];", i * 64)).collect();
        let sum: Vec<String> = (0..count).map(|i| format!("a{i}")).collect();
        let body = format!("{loads} y[local] = {};", sum.join(" + "));
        totals(&kernel("", &body), &[]).registers
    };
    let [ten, forty] = [10, 40].map(registers);
    assert_eq!(forty - ten, 30);
    assert!((10..16).contains(&ten), "{ten}");
}

#[test]
fn data_that_are_known_decide() {
    let text = kernel("", "for (var i = 0u; i < bitcast<u32>(x[group.x]); i++) { y[i] = 1.0; }");
    let program = program(&text, &[]);
    let known = Bound { words: &[3, 5], start: 0, len: 2, is_known: true };
    let profile = interpret(&program, &[known, unknown(), unknown()], [2, 1, 1]).unwrap();
    // Two warps; three and five stores.
    assert_eq!(profile.mean.stores, 2.0 * 4.0);
    assert_eq!((profile.groups, profile.warps_per_group), (2, 2));
}

#[test]
fn what_is_not_understood_is_an_error() {
    let program = program(&kernel("", "y[local] = sinh(x[local]);"), &[]);
    let bindings = [unknown(), unknown(), unknown()];
    let said = interpret(&program, &bindings, [1, 1, 1]).unwrap_err();
    assert_eq!(said, "Sinh of Float");
    let program = self::program(&kernel("override len: u32;", "y[local] = f32(len);"), &[]);
    let said = interpret(&program, &bindings, [1, 1, 1]).unwrap_err();
    assert_eq!(said, "override len without a value");
}

/// A dispatch of so many workgroups of a warp, each of which issues 100 instructions and waits for
/// two loads.
fn dispatch(groups: u64) -> Profile {
    let text = kernel("", "y[local] = x[local];");
    let bindings = [unknown(), unknown(), unknown()];
    let profile = interpret(&program(&text, &[]), &bindings, [1, 1, 1]).unwrap();
    let mut mean = profile.mean;
    (mean.issue, mean.integers) = (100.0, 0.0);
    let chain = Chain { issue: 100.0, loads: 2.0, ..Chain::default() };
    Profile {
        groups,
        warps_per_group: 1,
        mean,
        most_issue: 100.0,
        chain,
        mean_chain: chain,
        registers: 32,
        traffic_bytes: 0.0,
        ..profile
    }
}

#[test]
fn few_warps_wait_and_many_are_bound_by_issue() {
    let hardware = Hardware { launch: 0.0, ..Hardware::ALL[0] };
    let on = |groups: u64| predict(&dispatch(groups), &hardware, 0.0);
    let one = on(1);
    assert_eq!(one.bound, BoundBy::Latency);
    let cycles = 100.0 + 2.0 * hardware.load_latency;
    assert!((one.seconds * hardware.clock / cycles - 1.0).abs() < 1e-9);
    assert_eq!(on(132).seconds, one.seconds, "a core each");
    let many = on(132 * 400);
    assert_eq!(many.bound, BoundBy::Issue);
    assert!((many.seconds * hardware.clock - 100.0 * 100.0).abs() < 1e-6);
    // A launch that takes longer hides what the dispatch does.
    let slow = Hardware { launch: 1e-3, ..hardware };
    assert_eq!(predict(&dispatch(1), &slow, 0.0).bound, BoundBy::Launch);
}

#[test]
fn too_many_registers_spill() {
    let hardware = Hardware::ALL.into_iter().find(|one| one.registers == 128).unwrap();
    let with = |registers: u32| {
        let mut profile = dispatch(100_000);
        (profile.registers, profile.mean.fma) = (registers, 80.0);
        predict(&profile, &hardware, 0.0)
    };
    assert_eq!([with(128).spilled_registers, with(160).spilled_registers], [0, 32]);
    assert!(with(160).issue_seconds > 1.2 * with(128).issue_seconds);
}
