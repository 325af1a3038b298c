use super::*;

#[test]
fn a_short_row_has_what_is_usual() {
    let row = RunRow::read("{apiVersion: tekton.dev/v1, kind: Pipeline, makes: PipelineRun}").unwrap();
    assert!(row.enabled && row.resolvers.is_none() && row.account.is_none() && row.plain.is_empty());
    assert_eq!(row.done, [EndSign::condition("Succeeded", "True")]);
    assert_eq!(row.failed, [EndSign::condition("Succeeded", "False")]);
    assert_eq!(row.run_kind().path(Some("shop")), "/apis/tekton.dev/v1/namespaces/shop/pipelineruns");
    assert_eq!(row.reads(), Some(ApiKind::usual("tekton.dev/v1", "Pipeline")));
    let job = RunRow::read("{apiVersion: batch/v1, kind: CronJob, makes: Job, timeouts: 1h}").unwrap();
    assert_eq!(job.done, [EndSign::condition("Complete", "True")]);
    assert_eq!(job.failed, [EndSign::condition("Failed", "True")]);
    let custom = RunRow::read("{apiVersion: example.dev/v1, kind: Loop, makes: CustomRun}").unwrap();
    assert_eq!((custom.reads(), custom.run_kind().api.as_str()), (None, "tekton.dev/v1beta1"));
}

#[test]
fn a_kind_of_anybodys_has_a_template() {
    let row = RunRow::read(
        "apiVersion: argoproj.io/v1alpha1\nkind: WorkflowTemplate\n\
         makes: {apiVersion: argoproj.io/v1alpha1, kind: Workflow, parameters: spec.arguments.parameters}\n\
         template: {spec: {workflowTemplateRef: {name: '{name}'}}}\ndone: [status.phase=Succeeded]\n\
         failed: [status.phase=Failed, status.phase=Error]\n",
    )
    .unwrap();
    assert_eq!(row.run_kind().resource, "workflows");
    assert_eq!(row.failed.len(), 2);
    let Makes::Template { parameters, .. } = &row.makes else { panic!("{row:?}") };
    assert_eq!(parameters.as_deref(), Some("/spec/arguments/parameters"));
}

#[test]
fn every_reason_is_told() {
    let whole = "apiVersion: tekton.dev/v1, kind: Pipeline, makes: PipelineRun";
    for (text, whys) in [
        ("x".to_owned(), vec!["it is no object"]),
        ("{}".to_owned(), vec!["the field `apiVersion` is missing", "the field `kind` is missing", "the field `makes` is not"]),
        (
            format!("{{{whole}, enabled: maybe, color: red, plain: [service, size], timeouts: 1h}}"),
            vec![
                "the field `enabled` is not true or false",
                "the field `timeouts` is not an object {pipeline, tasks, finally}",
                "`size` in `plain` is none of: service,",
                "the field `color` has no meaning",
            ],
        ),
        (
            format!("{{{whole}, template: {{metadata: {{name: x}}, status: {{}}}}, done: [x]}}"),
            vec!["`template.metadata` has no meaning", "`template.status` has no meaning", "`x` in `done`: it is not of the form"],
        ),
        (format!("{{{whole}, name: x, resolvers: [git]}}"), vec!["`name` has no meaning beside `resolvers`"]),
        (
            "{apiVersion: a/v1, kind: B, account: x, makes: {apiVersion: a/v1, kind: BRun, resource: B/r, parameters: status.x}}".to_owned(),
            vec![
                "makes: the field `parameters` is not a place",
                "makes: the field `resource` is not the plural",
                "`account` belongs into `template`",
                "`done` and `failed` are missing",
            ],
        ),
    ] {
        let found = RunRow::read(&text).unwrap_err();
        assert_eq!(found.len(), whys.len(), "{text}: {found:?}");
        for (found, why) in found.iter().zip(whys) {
            assert!(found.starts_with(why), "{text}: {found}");
        }
    }
}
