//! The folder that does as inferno does, held against inferno itself.

use inferno::collapse::Collapse;
use inferno::collapse::perf;
use postmortem_parsers::inferno::{Folder, Options, last_cut};
use proptest::prelude::*;
use std::path::{Path, PathBuf};

/// All combinations of the options.
fn all_options(event_filter: Option<&str>) -> Vec<Options> {
    let of = |bits: u32| Options {
        pid: bits & 1 != 0,
        tid: bits & 2 != 0,
        addrs: bits & 4 != 0,
        kernel: bits & 8 != 0,
        jit: bits & 16 != 0,
        event_filter: event_filter.map(str::to_owned),
    };
    (0..32).map(of).collect()
}

fn theirs(text: &[u8], options: &Options) -> Option<String> {
    let mut their = perf::Options::default();
    their.include_pid = options.pid;
    their.include_tid = options.tid;
    their.include_addrs = options.addrs;
    their.annotate_kernel = options.kernel;
    their.annotate_jit = options.jit;
    their.event_filter = options.event_filter.clone();
    their.nthreads = 1;
    // It stops with a failed assertion where the first line is blank, and at some cut names.
    let folded = std::panic::catch_unwind(|| {
        let mut out = Vec::new();
        perf::Folder::from(their).collapse(text, &mut out).map(|()| out)
    });
    folded.ok().map(|out| String::from_utf8(out.expect("inferno reads from memory")).expect("inferno writes text"))
}

fn ours(text: &[u8], options: &Options) -> String {
    let mut folder = Folder::new(options.for_text(text));
    folder.fold(text);
    written(folder)
}

fn written(folder: Folder) -> String {
    let mut out = Vec::new();
    folder.write(&mut out).expect("memory can be written to");
    String::from_utf8(out).expect("names are text")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all
}

/// Every capture of `perf script`.
fn captures() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples/perf-script");
    let captures = files(&folder).into_iter().flat_map(|case| files(&case));
    let captures =
        captures.filter(|file| !file.ends_with("SOURCE") && file.extension().is_none_or(|end| end != "snap"));
    captures.map(|file| (file.display().to_string(), std::fs::read(&file).unwrap())).collect()
}

#[test]
fn every_capture_is_folded_as_inferno_folds_it() {
    let captures = captures();
    assert!(captures.len() >= 17);
    let mut with_stacks = 0;
    for (path, text) in captures {
        for options in all_options(None).into_iter().chain(all_options(Some("page-faults"))) {
            let expected = theirs(&text, &options).unwrap_or_else(|| panic!("inferno cannot read {path}"));
            assert_eq!(ours(&text, &options), expected, "{path} with {options:?}");
            with_stacks += usize::from(!expected.is_empty());
        }
    }
    assert!(with_stacks > 400, "{with_stacks}");
}

#[test]
fn parts_give_what_the_whole_gives() {
    for (path, text) in captures() {
        let options = Options { tid: true, ..Options::default() };
        let Some(half) = last_cut(&text[..text.len() / 2]) else { continue };
        let (mut first, mut second) = (Folder::new(options.for_text(&text)), Folder::new(options.for_text(&text)));
        first.fold(&text[..half]);
        second.fold(&text[half..]);
        second.absorb(first);
        assert_eq!(written(second), ours(&text, &options), "{path}");
    }
}

/// Pieces of which odd texts are made.
fn line() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "java 1234 [000] 12.345678:     200040 cpu-clock:pppH: ",
        "a b/c  77/78 12.345678: page-faults:u: ",
        "x 1 2.000000: cycles:  ffffffff9b201293 [unknown] ([unknown])",
        "x 1 2.000000: sched:sched_switch: prev_comm=a prev_pid=1",
        "java 19983 cycles:",
        "# comment",
        "",
        " ",
        "\r",
        "no event",
        "\t            1155 std::f(int)+0x8 (/x y/z)",
        "\tffffffff8168410e page_counter_charge+0x1 ([kernel.kallsyms])",
        "\tffffffff8168410e  ([kernel.kallsyms])",
        "\t    7f722d142778 Ljava/io/PrintStream;::print(I)V->a.(*b).c;d (/tmp/perf-19982.map)",
        "\t    7f722d142778 [unknown] (/tmp/jitted-1-2.so)",
        "\t    7f722d142778 [unknown] ([unknown])",
        "\t    7f722d142778 _$LT$a..b$u20$as$GT$::c$::h0123456789abcdef+0x12 (/usr/lib/vmlinux-5.1)",
        "\t    7f722d142778 (anonymous namespace)::f (/x)",
        "\t    7f722d142778 g(anonymous namespace)::{lambda(int)#1}(x) (/x.ko)",
        "7f722d142778 bare (/x)",
        "\tweird\u{a0}",
    ]);
    pieces.prop_map(str::to_owned)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn odd_texts_are_folded_as_inferno_folds_them(lines in prop::collection::vec(line(), 1..40), bits in 0usize..32) {
        let text = lines.join("\n");
        let options = all_options(None).swap_remove(bits);
        if let Some(expected) = theirs(text.as_bytes(), &options) {
            prop_assert_eq!(ours(text.as_bytes(), &options), expected);
        }
    }

    #[test]
    fn no_bytes_make_the_folder_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = ours(&bytes, &Options { addrs: true, ..Options::default() });
    }
}
