import { z } from 'zod';
import { OperatorError } from '../../src/operatorError.ts';

export type Audit =
  | { kind: 'clean'; packages: number; lesser: number }
  | { kind: 'vulnerable'; findings: string[] }
  | { kind: 'unanswered'; reason: string };

const advisorySchema = z.object({ title: z.string(), url: z.string(), severity: z.string() });
const reportSchema = z.object({
  auditReportVersion: z.literal(2),
  vulnerabilities: z.record(
    z.string(),
    // A text in `via` names another vulnerable package, on which this one depends.
    z.object({ severity: z.string(), range: z.string(), via: z.array(z.union([z.string(), advisorySchema])) }),
  ),
  metadata: z.object({ dependencies: z.object({ total: z.number() }) }),
});
/** npm has no report. With a code, npm itself failed (no lock file); without one, the registry did not answer as it should. */
const failureSchema = z.object({ message: z.string().optional(), error: z.object({ code: z.string().optional() }) });

/** What `npm audit --json` has printed. Throws when npm failed before it asked the registry. */
export function readAudit(output: string): Audit {
  const printed: unknown = JSON.parse(output);
  const report = reportSchema.safeParse(printed);
  if (!report.success) {
    const { message, error } = failureSchema.parse(printed);
    if (message === undefined || error.code !== undefined) throw new OperatorError(`npm audit failed: ${error.code}`);
    return { kind: 'unanswered', reason: message };
  }
  const { vulnerabilities, metadata } = report.data;
  const all = Object.entries(vulnerabilities);
  const severe = all.filter(([, { severity }]) => severity === 'high' || severity === 'critical');
  if (severe.length === 0) return { kind: 'clean', packages: metadata.dependencies.total, lesser: all.length };
  const findings = severe.map(([name, { severity, via }]) => {
    const reasons = via.map((reason) =>
      typeof reason === 'string' ? `depends on ${reason}` : `${reason.title} (${reason.url})`,
    );
    return `${severity}: ${name}: ${reasons.join('; ')}`;
  });
  return { kind: 'vulnerable', findings };
}
