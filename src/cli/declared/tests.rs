use super::*;

fn declared(params: &str) -> DeclaredFlags {
    let id = "0123456789ab".parse().unwrap();
    DeclaredFlags {
        params: Params::read(params).unwrap(),
        container: Some("web".into()),
        goal: Ok(Some(id)),
        in_pod: true,
    }
}

fn taken(typed: &[&str], declared: &DeclaredFlags) -> Result<Vec<String>, String> {
    let words = std::iter::once("andante").chain(typed.iter().copied());
    let cli = Cli::of_arguments(words.map(Into::into)).unwrap();
    let (asks, _) = cli.command.args().asks().unwrap();
    cli.completed(asks, declared).map(|(_, taken)| taken)
}

#[test]
fn what_is_given_goes_before_what_is_declared_and_that_before_what_the_caller_means() {
    let all =
        declared("{steps: '5,100', dwell: 1s, context: services/hello, service: other, namespace: other, unknown: x}");
    let typed = [
        "walk",
        "--declared=true",
        "--dwell=30s",
        "--steps=",
        "--otherwise=dwell=2m",
        "--otherwise=bake=9m",
        "--",
        "hello",
    ];
    assert_eq!(taken(&typed, &all).unwrap(), ["--steps=5,100", "--goal=0123456789ab"]);
    let words = std::iter::once("andante").chain(typed);
    let cli = Cli::of_arguments(words.map(Into::into)).unwrap();
    let (asks, _) = cli.command.args().asks().unwrap();
    let (cli, _) = cli.completed(asks, &all).unwrap();
    let crate::cli::Command::Walk(walk) = cli.command else { unreachable!() };
    let plan = walk.options().unwrap().plan;
    let seconds = |time: Option<std::time::Duration>| time.unwrap().as_secs();
    assert_eq!((seconds(plan.dwell), seconds(plan.bake), plan.steps.len()), (30, 540, 2));
    assert!(walk.owner.goal().is_some() && walk.cluster.context.is_none() && walk.cluster.namespace.is_none());
    // Nothing is taken unasked, and `none` is a goal that was given.
    assert_eq!(taken(&["walk", "hello"], &all).unwrap(), Vec::<String>::new());
    assert_eq!(taken(&["walk", "--declared", "--goal=none", "--steps=10", "hello"], &all).unwrap(), ["--dwell=1s"]);
}

#[test]
fn the_container_is_that_of_a_change_and_a_revision_excludes_one() {
    let all = declared("{image: 'i:2', again: 'true', set-env: [A=1, B=2]}");
    let changed =
        ["--again=true", "--image=i:2", "--set-env=A=1", "--set-env=B=2", "--container=web", "--goal=0123456789ab"];
    assert_eq!(taken(&["stage", "--declared", "--set-env", "--image=", "--", "hello"], &all).unwrap(), changed);
    let revision = ["stage", "--declared", "--revision=hello-00002", "--again=false", "hello"];
    assert_eq!(taken(&revision, &all).unwrap(), ["--goal=0123456789ab"]);
    let nothing = declared("{}");
    assert_eq!(taken(&["stage", "--declared", "hello"], &nothing).unwrap(), ["--goal=0123456789ab"]);
}

#[test]
fn a_pipeline_says_what_its_own_parameters_are_called() {
    let all = declared(
        "{first: '10', watch: 5m, dwell: 1s, approve: '50', flags: [--restarts=off, '--evidence-labels=a=b', '--evidence-labels=c=d']}",
    );
    let canary = [
        "roll-out",
        "--declared",
        "--image=i:2",
        "--declared-as=steps=first",
        "--declared-as=to=first",
        "--declared-as=dwell=watch",
        "--declared-as=approve=",
        "--otherwise=steps=5",
        "hello",
    ];
    let wanted = [
        "--steps=10",
        "--to=10",
        "--dwell=5m",
        "--restarts=off",
        "--evidence-labels=a=b",
        "--evidence-labels=c=d",
        "--container=web",
        "--goal=0123456789ab",
    ];
    assert_eq!(taken(&canary, &all).unwrap(), wanted);
    let image = [
        "image",
        "--declared-as=tag=image-tag",
        "--declared-as=if-exists=if-exists",
        "--otherwise=if-exists=skip",
        "hello",
    ];
    assert_eq!(taken(&image, &declared("{image-tag: short, tag: x, digest: x}")).unwrap(), ["--tag=short"]);
}

#[test]
fn what_cannot_be_taken_is_a_fault() {
    let of = |params: &str| taken(&["walk", "--declared", "hello"], &declared(params)).unwrap_err();
    for (params, said) in [
        (
            "{dwell: soon}",
            "with what the Service declares (--dwell=soon --goal=0123456789ab): invalid value 'soon' for '--dwell <TIME>'",
        ),
        ("{dwell: [1s]}", "`dwell` is a list, and one text is taken there"),
        ("{flags: [--image=x]}", "`--image=x` in `flags` is no flag of this command"),
        ("{flags: [--kubeconfig=/x]}", "`--kubeconfig=/x` in `flags` is for a call to say"),
        ("{flags: --goal=0123456789ab}", "in `flags` is for a call to say"),
        ("{flags: [restarts]}", "is not of the form --name=value"),
    ] {
        let why = of(params);
        assert!(why.contains(said), "{params}: {why}");
    }
    let unread = DeclaredFlags { goal: Err("it cannot be read".into()), ..declared("{}") };
    assert_eq!(taken(&["walk", "--declared", "hello"], &unread).unwrap_err(), "it cannot be read");
    assert_eq!(taken(&["walk", "--declared", "--goal=none", "hello"], &unread), Ok(Vec::new()));
    assert!(taken(&["check", "--declared", "--probe=/", "hello"], &unread).is_ok(), "it is of no goal");
    // Whoever declares reads no file of a person's.
    let file = declared("{evidence-token-file: /home/kim/token}");
    assert_eq!(taken(&["walk", "--declared", "hello"], &file).unwrap()[0], "--evidence-token-file=/home/kim/token");
    let terminal = DeclaredFlags { in_pod: false, ..file };
    assert!(taken(&["walk", "--declared", "hello"], &terminal).unwrap_err().contains("names a file of this machine"));
    let given = ["walk", "--declared", "--output=json", "hello"];
    assert!(taken(&given, &declared("{flags: [--output=json]}")).is_ok(), "it was given to the run");
    let typo = taken(&["walk", "--declared", "--otherwise=dwel=2m", "hello"], &declared("{}")).unwrap_err();
    assert_eq!(typo, "--declared-as and --otherwise begin with a flag, and `andante walk` has no --dwel");
}

/// What is empty says nothing, in a list too: it is no change that a container would be for.
#[test]
fn what_is_empty_is_not_declared() {
    let goal = "--goal=0123456789ab";
    let stage = ["stage", "--declared", "--otherwise=set-env=A=1", "hello"];
    let empty = declared("{image: '', set-env: [], flags: '', gate: ['']}");
    assert_eq!(taken(&["stage", "--declared", "hello"], &empty).unwrap(), [goal]);
    let words = std::iter::once("andante").chain(stage);
    let cli = Cli::of_arguments(words.map(Into::into)).unwrap();
    let (cli, _) = cli.completed(cli.command.args().asks().unwrap().0, &empty).unwrap();
    let crate::cli::Command::Stage(args) = cli.command else { unreachable!() };
    assert_eq!(args.candidate.set_env, [("A".into(), "1".into())], "an empty list hides nothing");
    let some = declared("{set-env: ['', B=2]}");
    assert_eq!(taken(&["stage", "--declared", "hello"], &some).unwrap(), ["--set-env=B=2", "--container=web", goal]);
    // So of a container that is declared as a parameter.
    let container = declared("{container: api}");
    assert_eq!(taken(&["stage", "--declared", "hello"], &container).unwrap(), [goal]);
    let changed = ["stage", "--declared", "--image=i:2", "hello"];
    assert_eq!(taken(&changed, &container).unwrap(), ["--container=api", goal]);
}

#[test]
fn what_contradicts_itself_is_a_fault_unless_the_call_decides() {
    let of = |params: &str, more: &[&str]| {
        let typed = [&["roll-out", "--declared", "--goal=none"], more, &["hello"]].concat();
        taken(&typed, &declared(params))
    };
    let beside = |params: &str, one: &str, other: &str| {
        let why = of(params, &[]).unwrap_err();
        let wanted = format!("annotation andante.dev/params: {one} stands beside {other}, and only one of the two");
        assert!(why.starts_with(&wanted), "{params}: {why}");
    };
    beside("{image: 'i:2', revision: hello-00002}", "`revision`", "`image`");
    beside("{dwell: 1s, flags: [--dwell=2s]}", "`--dwell=2s` in `flags`", "`dwell`");
    beside("{flags: [--dwell=1s, --dwell=2s]}", "`--dwell=2s` in `flags`", "`--dwell=1s` in `flags`");
    beside(
        "{gate: ['a: http http://a'], flags: ['--gate=b: http http://b']}",
        "`--gate=b: http http://b` in `flags`",
        "`gate`",
    );
    let both = "{image: 'i:2', revision: hello-00002, dwell: 1s, flags: [--dwell=2s]}";
    assert_eq!(of(both, &["--revision=hello-00003", "--dwell=3s"]), Ok(Vec::new()));
    assert_eq!(of(both, &["--image=i:3", "--dwell=3s"]), Ok(vec!["--container=web".to_owned()]));
}

/// A Pipeline says what its parameters are called, also of what stands in the list.
#[test]
fn the_list_says_no_flag_that_has_another_name() {
    let all = declared("{first: '10', flags: [--approve=50, '--steps=5,50,100', --keep-warm=50]}");
    let canary =
        ["roll-out", "--declared", "--goal=none", "--declared-as=steps=first", "--declared-as=approve=", "hello"];
    assert_eq!(taken(&canary, &all).unwrap(), ["--steps=10", "--keep-warm=50"]);
    let renamed = declared("{more: [--keep-warm=50], flags: [--keep-warm=60]}");
    let typed = ["walk", "--declared", "--goal=none", "--declared-as=flags=more", "hello"];
    assert_eq!(taken(&typed, &renamed).unwrap(), ["--keep-warm=50"]);
    let otherwise = ["walk", "--declared", "--goal=none", "--otherwise=flags=--keep-warm=1", "hello"];
    assert!(taken(&otherwise, &renamed).unwrap_err().ends_with("`andante walk` has no --flags"));
}

/// A build that named no image must not have an older one rolled out in its place.
#[test]
fn where_a_build_names_the_image_none_is_declared() {
    let all = declared("{image: 'i:1', flags: ['--image=i:1']}");
    let built = ["roll-out", "--declared", "--goal=none", "--need-image=true", "--image=", "hello"];
    assert_eq!(taken(&built, &all), Ok(Vec::new()));
}
