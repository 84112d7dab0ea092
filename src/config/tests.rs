//! x
use super::*;
#[test]
fn dump() {
    for t in [
        "",
        "[thresholds\nx=1\n",
        "[whitelist]\nnames = [\"a\", \"b\"\nusers = [\"root\"]\nz = 1\n",
        "[thresholds]\nram_precent_threshold = 5\nram_gb_threshold = \"2\"\ncheck_interval = 30 s\ndry_run = true\n[setings]\na=1\n[whitelist.x]\n[[rule]]\n",
        "dry_run = true\nthresholds = 1\n",
        "[thresholds]\nram_percent_threshold=nan\nram_gb_threshold=-1\ncheck_interval=true\nram_gb_threshold = 3\n[thresholds]\n",
        "[thresholds]\nram_percent_threshold=100\nram_gb_threshold=inf",
        "[whitelist]\nnames=[\"\", \"a[\", 1, \"\u{202e}\\u001b[\"]\nusers=\"root\"\npids=[0,1,-1, 1.0]\nprotect_root=\"yes\"\n",
        "[settings]\nlog_level=\"warning\"\nlog_file=\"x\"\nenable-syslog=true\nmax_kills_per_minute=-1\nterm_timeout=301\ndry_run=\"true\"",
        "[[thresholds]]\n",
        "a = \"é\" é\n",
        "[settings]\nlog_level=\"INFO",
        "[settings]\nlog_level=",
        "[settings]\ndry_run = True\nlog_level 5\nx=2\n",
    ] {
        println!("--- {t}");
        match Config::parse(t.as_bytes(), Origin::File("/e.toml".into()), &|n| {
            Ok((n == "root").then_some(Uid::ROOT))
        }) {
            Ok(l) => {
                println!("{:?}", l.config.thresholds);
                for w in l.warnings {
                    println!("W {w}");
                }
            }
            Err(e) => println!("{e}"),
        }
    }
}
