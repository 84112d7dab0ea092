//! Machines as directories of files.

use super::*;
use std::fs;
use tempfile::TempDir;

const MEMINFO: &str = "MemTotal: 16777216 kB\nMemFree: 1 kB\nMemAvailable: 1048576 kB\nSwapTotal: 8388608 kB\n\
    SwapFree: 4194304 kB\nAnonPages: 3 kB\nMapped: 4 kB\nShmem: 5 kB\nSUnreclaim: 6 kB\nKernelStack: 1 kB\n";
const GB: u64 = 1 << 30;

fn machine(files: &[(&str, &str)]) -> (TempDir, SystemFiles) {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let root = ProcRoot::open(directory.path(), 4096).unwrap();
    let block = fs::create_dir_all(directory.path().join("block"))
        .and_then(|()| crate::sys::fs::open_directory(&directory.path().join("block")));
    let files = SystemFiles::with_block(&root, block.ok()).unwrap();
    (directory, files)
}

#[test]
fn swap_on_a_disk_counts_in_full() {
    let swaps = "Filename Type Size Used Priority\n/swap\\040file file 8388608 4194304 -2\n";
    let (_directory, mut files) = machine(&[("meminfo", MEMINFO), ("swaps", swaps)]);
    let reading = files.read();
    assert_eq!(reading.available, Some(Bytes::new(GB)));
    assert_eq!(reading.left, Some(Bytes::new(5 * GB)));
    assert_eq!(reading.stalled, None);
    assert!(files.pressure_error().is_some());
    let expected = OtherMemory {
        shared: Bytes::from_kib(5),
        kernel: Bytes::from_kib(7),
    };
    assert_eq!(files.other_memory(), expected);
}

#[test]
fn zram_counts_for_what_it_gains() {
    let swaps = "Filename Type Size Used Priority\n/dev/zram3 partition 8388608 4194304 100\n";
    for (mm_stat, left) in [
        // A page of incompressible data takes a page.
        (Some("4294967296 4294967296 4294967296 0 0 0 0\n"), GB),
        (Some("4294967296 900000000 1073741824 0 0 0 0\n"), 4 * GB),
        // It is empty, or says nothing.
        (Some("0 0 0 0 0 0 0\n"), 3 * GB),
        (None, 3 * GB),
    ] {
        let mut machine_files = vec![("meminfo", MEMINFO), ("swaps", swaps)];
        machine_files.extend(mm_stat.map(|text| ("block/zram3/mm_stat", text)));
        let (_directory, mut files) = machine(&machine_files);
        assert_eq!(files.read().left, Some(Bytes::new(left)), "{mm_stat:?}");
        assert_eq!(files.read().left, Some(Bytes::new(left)), "{mm_stat:?}");
    }
}

#[test]
fn the_cache_of_zfs_counts_down_to_its_minimum() {
    let text = "9 1 0x01 1 1 1 1\nname type data\nhits 4 7\nc_min 4 1073741824\nc_max 4 1\nsize 4 3221225472\n";
    let meminfo = MEMINFO.replace("SwapFree: 4194304", "SwapFree: 0");
    let (_directory, mut files) =
        machine(&[("meminfo", &meminfo), ("spl/kstat/zfs/arcstats", text)]);
    assert_eq!(files.read().available, Some(Bytes::new(3 * GB)));
    assert_eq!(files.read().left, Some(Bytes::new(3 * GB)));
}

#[test]
fn the_stall_is_the_total_of_full() {
    let text = "some avg10=1.00 avg60=2.00 avg300=3.00 total=9000000\n\
        full avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\n";
    let (directory, mut files) = machine(&[("meminfo", MEMINFO), ("pressure/memory", text)]);
    assert!(files.pressure_error().is_none());
    assert_eq!(files.read().stalled, Some(Duration::from_millis(1500)));
    fs::write(directory.path().join("pressure/memory"), "garbage").unwrap();
    assert_eq!(files.read().stalled, None);
}

#[test]
fn kills_of_the_kernel_count_from_the_start() {
    let (directory, _) = machine(&[("meminfo", MEMINFO), ("vmstat", "pgfault 9\noom_kill 4\n")]);
    let root = ProcRoot::open(directory.path(), 4096).unwrap();
    let mut kills = KernelKills::new(&root);
    assert_eq!(kills.take(), 0);
    fs::write(directory.path().join("vmstat"), "pgfault 9\noom_kill 7\n").unwrap();
    assert_eq!((kills.take(), kills.take()), (3, 0));
    let (directory, _) = machine(&[("meminfo", MEMINFO), ("vmstat", "pgfault 9\n")]);
    let root = ProcRoot::open(directory.path(), 4096).unwrap();
    assert_eq!(KernelKills::new(&root).take(), 0);
}

/// A figure that is missing, or cut, does not make less of what is left.
#[test]
fn what_fills_its_buffer_is_doubt() {
    let long = |text: &str, size: usize| {
        let filling = "X: 1 kB\n".repeat(size / 8 + 1);
        text.to_owned() + &filling
    };
    let (_directory, mut files) = machine(&[("meminfo", &long(MEMINFO, 8192))]);
    assert_eq!(files.read(), SystemReading::default());
    assert_eq!(files.other_memory().shared, Bytes::from_kib(5));

    let swap = |device: &str| format!("{device} partition 8388608 4194304 -2\n");
    let swaps = "Filename Type Size Used Priority\n".to_owned() + &swap("/dev/zram0").repeat(300);
    let (_directory, mut files) = machine(&[
        ("meminfo", MEMINFO),
        ("swaps", &swaps),
        (
            "block/zram0/mm_stat",
            &long("4194304 4194304 4194304 0\n", 256),
        ),
        (
            "pressure/memory",
            &long("full avg10=0.00 avg60=0.00 avg300=0.00 total=7\n", 8192),
        ),
    ]);
    let reading = files.read();
    assert_eq!(reading.left, Some(Bytes::new(5 * GB)), "all that is free");
    assert_eq!(reading.stalled, None);

    let (_directory, mut files) = machine(&[
        ("meminfo", MEMINFO),
        ("swaps", &format!("Filename\n{}", swap("/dev/zram0"))),
        ("block/zram0/mm_stat", &"1".repeat(1000)),
    ]);
    assert_eq!(files.read().left, Some(Bytes::new(3 * GB)), "half of it");

    // A number at the end of the buffer may go on.
    let arc = |size: usize| {
        let head = "c_min 4 1048576\n";
        let lines = "x 4 1\n".repeat((size - head.len() - 6) / 6);
        let blanks = " ".repeat((size - head.len() - 6) % 6);
        format!("{head}{lines}{blanks}size 4 9000000\nrest 4 1\n")
    };
    let (_directory, mut files) =
        machine(&[("meminfo", MEMINFO), ("spl/kstat/zfs/arcstats", &arc(8192))]);
    assert_eq!(files.read().available, Some(Bytes::new(GB)));

    let (directory, _files) = machine(&[("meminfo", MEMINFO), ("vmstat", "oom_kill 7\n")]);
    let root = ProcRoot::open(directory.path(), 4096).unwrap();
    let mut kills = KernelKills::new(&root);
    let text = "x 1234\n".repeat(16 * 1024 / 7 - 1);
    let blanks = " ".repeat(16 * 1024 - text.len() - 11);
    fs::write(
        directory.path().join("vmstat"),
        format!("{text}{blanks}oom_kill 999\n"),
    )
    .unwrap();
    assert_eq!(kills.take(), 0, "99 of 999 were read");
    fs::write(directory.path().join("vmstat"), "oom_kill 9\n").unwrap();
    assert_eq!(kills.take(), 2);
}
