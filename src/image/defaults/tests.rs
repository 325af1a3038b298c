use super::*;

fn object(pairs: &[(&str, &str)]) -> Lookup {
    Lookup::Object(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
}

/// Asks the rungs in order, as the command does, and how many were asked.
fn search(flags: Flags, looks: [Lookup; 3]) -> (usize, Result<ImageSettings, Undecided>) {
    let mut search =
        Search::new(flags, "hello".parse().unwrap(), "shop".parse().unwrap(), "andante-system".parse().unwrap());
    let mut looks = looks.into_iter();
    let mut asked = 0;
    while let Some(rung) = search.next() {
        search.take(rung, looks.next().unwrap());
        asked += 1;
    }
    (asked, search.decide())
}

fn said(settings: &ImageSettings) -> [String; 3] {
    [&settings.repository, &settings.name, &settings.tag].map(|s| format!("{} ({})", s.value, s.origin))
}

const MAP: &str = "ConfigMap shop/andante-defaults";

#[test]
fn the_nearest_place_wins_and_ends_the_search() {
    let cluster = object(&[("image-repository", "gcr.io/cluster"), ("image-tag", "short")]);
    let namespace = object(&[("image-repository", "gcr.io/shop\n"), ("image-name-template", "{namespace}")]);
    let service = object(&[(ANNOTATION, "gcr.io/hello"), ("image-tag", "no annotation of ours")]);

    let flag = Flags { repository: Some("gcr.io/flag".into()), ..Flags::default() };
    let (asked, found) = search(flag.clone(), [service.clone(), namespace.clone(), cluster.clone()]);
    let found = found.unwrap();
    assert_eq!((asked, &said(&found)[0]), (0, &"gcr.io/flag (--repository)".to_owned()));
    let alone = said(&flag.alone().unwrap());
    assert_eq!(
        alone[1..],
        ["{service}", "full"].map(|v| format!("{v} (built in; with --repository the cluster is not asked)"))
    );

    // Each for itself: the annotation's repository, the namespace's name, the installation's tag.
    let system = "ConfigMap andante-system/andante-defaults";
    let (asked, found) = search(Flags::default(), [service.clone(), namespace.clone(), cluster.clone()]);
    let expected = [
        format!("gcr.io/hello (annotation {ANNOTATION} of Service shop/hello)"),
        format!("{{namespace}} ({MAP})"),
        format!("short ({system})"),
    ];
    assert_eq!((asked, said(&found.unwrap())), (3, expected));

    // Nobody is asked who has nothing more to say.
    let flags = Flags { name: Some("x".into()), tag: Some("short".into()), repository: None };
    assert_eq!(search(flags, [service, namespace.clone(), cluster.clone()]).0, 1);
    let flags = Flags { tag: Some("short".into()), ..Flags::default() };
    let (asked, found) = search(flags, [object(&[]), namespace, cluster.clone()]);
    let expected = [format!("gcr.io/shop ({MAP})"), format!("{{namespace}} ({MAP})"), "short (--tag)".into()];
    assert_eq!((asked, said(&found.unwrap())), (2, expected));

    // The namespace's tag beside the installation's repository.
    let (asked, found) = search(Flags::default(), [Lookup::Absent, object(&[("image-tag", "branch")]), cluster]);
    let expected = [format!("gcr.io/cluster ({system})"), "{service} (built in)".into(), format!("branch ({MAP})")];
    assert_eq!((asked, said(&found.unwrap())), (3, expected));
}

#[test]
fn flags_go_before_everything_one_by_one() {
    let flags = Flags { name: Some("x".into()), tag: Some("short".into()), repository: None };
    let map = object(&[("image-repository", "gcr.io/shop"), ("image-name-template", "y"), ("image-tag", "full")]);
    let (_, found) = search(flags, [Lookup::Absent, map, Lookup::Absent]);
    let expected = [format!("gcr.io/shop ({MAP})"), "x (--name-template)".into(), "short (--tag)".into()];
    assert_eq!(said(&found.unwrap()), expected);
}

#[test]
fn nothing_set_lists_every_place_and_how_to_set_it() {
    let (asked, found) = search(
        Flags::default(),
        [object(&[]), object(&[("image-repository", " "), ("image-repo", "x")]), Lookup::Absent],
    );
    let undecided = found.unwrap_err();
    assert_eq!((asked, undecided.what.as_str(), undecided.forbidden), (3, "no image repository is set", false));
    assert_eq!(
        undecided.places,
        [
            "--repository was not given",
            "Service shop/hello has no annotation andante.dev/image-repository; to set it: kubectl annotate ksvc \
             hello -n shop andante.dev/image-repository=REPOSITORY",
            "ConfigMap shop/andante-defaults has no key image-repository; to set it: kubectl patch configmap \
             andante-defaults -n shop -p '{\"data\":{\"image-repository\":\"REPOSITORY\"}}'",
            "there is no ConfigMap andante-system/andante-defaults; to make it: kubectl create configmap \
             andante-defaults -n andante-system --from-literal=image-repository=REPOSITORY",
        ]
    );
}

#[test]
fn a_place_that_may_not_be_read_is_not_one_where_nothing_is_set() {
    let no = || Lookup::Forbidden("kim may not get it".into());
    let map = object(&[("image-repository", "gcr.io/shop")]);
    let (asked, found) = search(Flags::default(), [no(), map.clone(), no()]);
    let undecided = found.unwrap_err();
    assert!(undecided.forbidden && asked == 2);
    assert_eq!(
        undecided.what,
        "ConfigMap shop/andante-defaults names the image repository \"gcr.io/shop\", but a place that goes before \
         it may not be read"
    );
    assert_eq!(undecided.places[1], "Service shop/hello may not be read: kim may not get it");
    let (_, found) = search(Flags::default(), [Lookup::Absent, Lookup::Absent, no()]);
    let undecided = found.unwrap_err();
    assert!(undecided.forbidden && undecided.what.starts_with("no image repository was found, and not every"));
    assert_eq!(
        undecided.places[3],
        "ConfigMap andante-system/andante-defaults may not be read: kim may not get it; config/defaults-reader.yaml has it"
    );
    // For name and tag it is told and no error: a namespace that names its repository needs no right elsewhere.
    let (_, found) = search(Flags::default(), [Lookup::Absent, map.clone(), no()]);
    let found = found.unwrap();
    assert_eq!(said(&found)[2], "full (built in)");
    assert_eq!(
        found.notes,
        [
            "ConfigMap andante-system/andante-defaults may not be read: kim may not get it; config/defaults-reader.yaml has \
          it; name and tag are as if it said nothing"
        ]
    );
    let flags = Flags { name: Some("x".into()), tag: Some("short".into()), repository: None };
    assert_eq!(search(flags, [Lookup::Absent, map, no()]).1.unwrap().notes, [""; 0], "nothing more was wanted of it");
}

#[test]
fn a_cluster_without_knative_is_told() {
    let no_kind = || Lookup::NoKind("the cluster does not have it".into());
    let (_, found) = search(Flags::default(), [no_kind(), Lookup::Absent, Lookup::Absent]);
    let said = "there can be no Service shop/hello: the cluster does not have it; is Knative Serving installed there?";
    assert_eq!(found.unwrap_err().places[1], said);
    let map = object(&[("image-repository", "gcr.io/shop")]);
    let (_, found) = search(Flags::default(), [no_kind(), map, Lookup::Absent]);
    assert_eq!(found.unwrap().notes, [said]);
}

#[test]
fn an_account_is_never_shown() {
    let digest = format!("gcr.io/x@sha256:{}", "0".repeat(64));
    for (text, shown) in [
        ("gcr.io/stuff", "gcr.io/stuff"),
        ("https://kim:p@ss@gcr.io/x", "https://...@gcr.io/x"),
        ("kim:pass@gcr.io", "...@gcr.io"),
        (&digest, &digest),
    ] {
        assert_eq!(Setting::shown(text), shown);
    }
}

#[test]
fn a_key_that_nothing_reads_is_noted() {
    let map = object(&[("image-repository", "gcr.io/shop"), ("image-tags", "short"), ("other", "x")]);
    let (_, found) = search(Flags::default(), [Lookup::Absent, map, Lookup::Absent]);
    assert_eq!(found.unwrap().notes, [format!("{MAP} has a key \"image-tags\", which nothing reads")]);
}

#[test]
fn the_installations_own_namespace_has_one_config_map() {
    let system: Namespace = "andante-system".parse().unwrap();
    let mut search = Search::new(Flags::default(), "hello".parse().unwrap(), system.clone(), system);
    for rung in [Rung::Service, Rung::Namespace] {
        assert_eq!(search.next(), Some(rung));
        search.take(rung, Lookup::Absent);
    }
    assert_eq!(search.next(), None);
}
