// check-schemas.mjs FILE: validates the custom resources in a file of YAML documents; check-schemas calls it.
import { readFileSync } from "node:fs";
import { loadAll } from "js-yaml";
import { ScaledObject } from "@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject";
import { ServiceMonitor } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor";
import { ExternalSecret } from "@kubernetes-models/external-secrets/external-secrets.io/v1/ExternalSecret";

const models = { ScaledObject, ServiceMonitor, ExternalSecret };
const counts = {};
for (const resource of loadAll(readFileSync(process.argv[2], "utf8"))) {
  const Model = models[resource.kind];
  if (Model === undefined) continue;
  const { apiVersion, kind } = new Model({});
  if (resource.apiVersion !== apiVersion) throw new Error(`${kind} is ${resource.apiVersion}, not ${apiVersion}`);
  new Model(resource).validate();
  // A schema that accepts anything would not tell.
  let accepts = true;
  try {
    new Model({ ...resource, spec: 1 }).validate();
  } catch {
    accepts = false;
  }
  if (accepts) throw new Error(`the schema of ${kind} accepts a number as spec`);
  counts[kind] = (counts[kind] ?? 0) + 1;
}
const list = Object.entries(counts).map(([kind, count]) => `${count} ${kind}`);
console.log(list.join(", ") || "no custom resources");
