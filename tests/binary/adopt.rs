//! `adopt` and `detach` where no cluster is needed: what was typed.

use super::andante;

/// The last line, and how it ended.
fn refused(arguments: &[&str]) -> (i32, String) {
    let ran = andante(arguments);
    let text = format!("{}{}", ran.stdout, ran.stderr);
    (ran.code, text)
}

#[test]
fn a_parameter_needs_a_value() {
    let (code, text) = refused(&["adopt", "hello", "--pipeline", "p", "--param", "style"]);
    assert!(code == 2 && text.ends_with(" end:     --param `style` is not NAME=VALUE\n"), "{code}: {text}");
}

#[test]
fn what_was_never_filled_in_is_no_declaration() {
    let (code, text) = refused(&["adopt", "hello", "--pipeline", "$(params.pipeline)"]);
    assert!(code == 2 && text.contains("unresolved Tekton variable"), "{code}: {text}");
}

#[test]
fn there_is_one_way_out_at_a_time() {
    let (code, text) = refused(&["detach", "hello", "--restore-template", "--leave-pinned"]);
    assert!(code == 2 && text.contains("cannot be used with"), "{code}: {text}");
}

#[test]
fn without_a_cluster_both_say_how_to_name_one() {
    for arguments in [&["adopt", "hello", "--pipeline", "p"][..], &["detach", "hello"]] {
        let (code, text) = refused(arguments);
        assert!(code == 2 && text.contains(" end:     no cluster: give --kubeconfig"), "{code}: {text}");
    }
}
