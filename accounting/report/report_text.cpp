// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <map>
#include <set>

#include "accounting/report/allocation_page.hpp"
#include "accounting/report/communication.hpp"
#include "accounting/report/figures.hpp"
#include "accounting/report/stragglers.hpp"
#include "accounting/report/total.hpp"

namespace ergon {
namespace {

std::string share(double part, double whole) { return whole > 0 ? percent(part / whole) : "-"; }

const char* plural(std::int64_t count) { return count == 1 ? "" : "s"; }

std::string heading(const RunReport& run) {
  const LedgerSummary& ledger = run.ledger;
  const AttemptStart& last = ledger.attempts.back().start;
  const ParameterCounts& n = last.parameters;
  std::string text = fmt::format("Run {}\n", run.run);
  const auto line = [&](const char* label, const std::string& value) { text += fmt::format("  {:<12} {}\n", label, value); };
  line("outcome", run.outcome.empty() ? run.reason.at("outcome") : run.outcome);
  line("parameters", fmt::format("{} (embedding {}, non-embedding {}, in matrix products {})", grouped(n.total), grouped(n.embedding),
                                 grouped(n.non_embedding), grouped(n.matmul)));
  line("mesh", fmt::format("{} on {} x {}, {} rank{}", last.mesh, last.devices, last.device, last.world_size, plural(last.world_size)));
  line("steps", fmt::format("{} kept, {} lost, in {} attempt{}", grouped(ledger.kept.steps), grouped(ledger.lost.steps),
                            ledger.attempts.size(), plural(static_cast<std::int64_t>(ledger.attempts.size()))));
  line("tokens", fmt::format("{} kept ({} with a label that counts), {} lost", grouped(ledger.kept.tokens.value),
                             grouped(ledger.kept.valid_tokens.value), grouped(ledger.lost.tokens.value)));
  const auto loss = [](const char* kind, const std::optional<LossPoint>& point) {
    return point ? fmt::format("{} {:.4f} at step {}", kind, point->loss, point->step) : fmt::format("{} unknown", kind);
  };
  line("loss", loss("training", run.training_loss) + ", " + loss("validation", run.validation_loss));
  if (run.unbooked_steps > 0)
    line("warning", fmt::format("{} step{} after the last ledger line of an attempt: in no figure below", run.unbooked_steps,
                                plural(run.unbooked_steps)));
  if (ledger.torn_lines > 0)
    line("warning", fmt::format("{} torn last line{} of the ledger ignored", ledger.torn_lines, plural(ledger.torn_lines)));
  return text;
}

std::string attempts_table(const RunReport& run) {
  std::string text = "\n  attempt  resumed from    steps        kept  mesh; how it ended\n";
  for (std::size_t i = 0; i < run.ledger.attempts.size(); ++i) {
    const AttemptSummary& attempt = run.ledger.attempts[i];
    const AttemptStart& start = attempt.start;
    const std::string from = start.parent == 0 ? "-" : fmt::format("{} at {}", start.parent, start.resumed_step);
    text += fmt::format("  {:>7}  {:<14} {:>6} {:>11}  {}; {}\n", start.attempt, from, attempt.spent.steps,
                        attempt.kept_to - attempt.kept_from, start.mesh, ergon::text(run.allocation.attempts[i].end));
    for (const ConfigChange& change : start.changes)
      text += fmt::format("           {}: {} -> {}\n", change.key, change.before, change.after);
  }
  return text;
}

std::string flops_table(const FiguresById& figures) {
  std::string text =
      fmt::format("  {:<12} {:>11} {:>11} {:>11} {:>9} {:>12}\n", "convention", "spent", "kept", "lost", "kept/spent", "pfs-days");
  for (const auto& [id, f] : figures) {
    text += fmt::format("  {:<12} {:>11} {:>11} {:>11} {:>9} {:>12}\n", id, rounded_flops(f.spent), rounded_flops(f.kept),
                        rounded_flops(f.lost), share(to_double(f.kept), to_double(f.spent)), rounded_pfs_days(to_pfs_days(f.spent)));
  }
  return text;
}

std::string hardware_lines(const LedgerSummary& ledger) {
  const FlopTally& t = ledger.spent.training;
  std::string text = fmt::format("  {:<12} {:>11} = {} in matrix products + {} in attention, as counted while they ran\n", "hardware",
                                 rounded_flops(t.hardware()), rounded_flops(t.gemm), rounded_flops(t.attention));
  if (ledger.spent.evaluation.hardware().value > 0) {
    text += fmt::format("  {:<12} {:>11} more in evaluation, in no other row\n", "", rounded_flops(ledger.spent.evaluation.hardware()));
  }
  return text;
}

std::string speed(const RunReport& run) {
  std::string text =
      fmt::format("\nSpeed\n  tokens/s     {}\n",
                  run.tokens_per_second ? grouped(static_cast<std::int64_t>(*run.tokens_per_second)) : run.reason.at("tokens_per_second"));
  std::set<std::string> reasons;
  std::string known;
  for (const auto& [id, value] : run.mfu) {
    if (value)
      known += fmt::format("  MFU {:<8} {}\n", id, percent(*value));
    else
      reasons.insert(run.reason.at("mfu." + id));
  }
  if (!run.hfu.empty() && run.hfu.begin()->second) known += fmt::format("  HFU          {}\n", percent(*run.hfu.begin()->second));
  for (const std::string& why : reasons) known += fmt::format("  MFU, HFU     {}\n", why);
  const AttemptStart& last = run.ledger.attempts.back().start;
  if (last.peak.value > 0) known += fmt::format("  peak         {:.4g} FLOP/s a device: {}\n", last.peak.value, last.peak_source);
  return text + known;
}

std::string time_table(const TimeSplit& seconds) {
  const double total = seconds.total().value;
  std::string text = fmt::format("\nTime, wall clock of all attempts: {}\n", clock(seconds.total()));
  const auto line = [&](const char* kind, Seconds part) {
    text += fmt::format("  {:<12} {:>14} {:>8}\n", kind, clock(part), share(part.value, total));
  };
  line("step", seconds.step);
  line("data wait", seconds.data_wait);
  line("evaluation", seconds.evaluation);
  line("checkpoint", seconds.checkpoint);
  line("start-up", seconds.startup);
  return text;
}

std::string data_table(const RunReport& run) {
  if (run.sources.empty()) return "";
  std::string text = fmt::format("\nData, kept\n  {:>16} {:>16} {:>8}  {}\n", "tokens", "of an epoch", "epochs", "source");
  for (const SourceUse& of : run.sources)
    text += fmt::format("  {:>16} {:>16} {:>8.3f}  {}\n", grouped(of.tokens), grouped(of.unique_tokens), of.epochs, of.name);
  if (run.padding > 0) text += fmt::format("  padding of packed samples: {} of all positions\n", percent(run.padding));
  return text;
}

std::string difference(const ComparedCommunication& row) {
  return fmt::format("  DIFFERS      {} {}: counted {} calls, {} bytes; predicted {} calls, {} bytes\n", row.counted.group,
                     row.counted.operation, grouped(row.counted.calls), grouped(row.counted.bytes.value), grouped(row.predicted->calls),
                     grouped(row.predicted->bytes.value));
}

std::string communication_table(const LedgerSummary& ledger) {
  const std::vector<ComparedCommunication> rows = compare_communication(ledger);
  if (rows.empty()) return "\nCommunication: none, one rank\n";
  std::string text = fmt::format("\nCommunication, summed over ranks\n  {:<9} {:<13} {:<15} {:>10} {:>12} {:>13} {:>12} {:>12}\n", "axes",
                                 "group", "operation", "calls", "bytes", "predicted", "time", "exposed");
  std::string notes;
  std::map<std::string, std::string> reasons;  // by group
  for (const ComparedCommunication& row : rows) {
    const std::string predicted = row.predicted ? rounded_bytes(row.predicted->bytes) + (row.differs() ? " !" : " =") : "-";
    text += fmt::format("  {:<9} {:<13} {:<15} {:>10} {:>12} {:>13} {:>12} {:>12}\n", row.axes, row.counted.group, row.counted.operation,
                        grouped(row.counted.calls), rounded_bytes(row.counted.bytes), predicted, clock(row.counted.seconds),
                        clock(row.counted.exposed));
    if (row.differs()) notes += difference(row);
    if (!row.predicted) reasons[row.counted.group] = row.reason;
  }
  for (const auto& [group, why] : reasons) notes += fmt::format("  {} has no prediction: {}\n", group, why);
  if (ledger.uncounted_steps > 0)
    notes += fmt::format("  {} step{} of a killed process {} in no row: the counts died with it\n", grouped(ledger.uncounted_steps),
                         plural(ledger.uncounted_steps), ledger.uncounted_steps == 1 ? "is" : "are");
  return text + notes;
}

std::string legend(const FiguresById& figures) {
  std::string text = "\nLegend\n";
  for (const Convention& row : conventions()) {
    if (!figures.contains(row.id)) continue;
    text += fmt::format("  {:<12} {}; N: {}; attention: {}\n", row.id, row.definition, row.parameters, row.attention);
  }
  text +=
      "  hardware     what the ranks executed in training: padding, recomputed scores and masked parts of tiles included\n"
      "  spent        kept + lost; lost: steps done after the checkpoint that a later attempt resumed\n"
      "  kept/spent   goodput of FLOPs, whatever time they took\n"
      "  useful       steps that were kept, of the ranks that trained; data wait: theirs; lost: of steps that were not, with their waits\n"
      "  idle         places without a rank that trains; unknown: before the run's process, after its end, and work that died unbooked\n"
      "  pfs-days     of what was spent; one is 1e15 FLOP/s for a day, 8.64e19 FLOPs\n"
      "  predicted    bytes of the same calls, from mesh, model, batch, steps and evaluations alone; = the same calls and bytes, ! not\n"
      "  exposed      the part of the time that ranks spent waiting, with nothing else to do\n"
      "  tokens/s     over step and data wait; MFU, HFU: model and hardware FLOPs over peak x devices x the same time\n";
  return text;
}

}  // namespace

std::string report_text(const std::vector<RunReport>& runs) {
  std::string text;
  for (const RunReport& run : runs) {
    const FiguresById figures = training_figures(run.ledger);
    if (!text.empty()) text += "\n";
    text += heading(run);
    if (run.ledger.attempts.size() > 1) text += attempts_table(run);
    text += "\nTraining FLOPs, by convention\n" + flops_table(figures) + hardware_lines(run.ledger);
    text += speed(run) + time_table(run.ledger.spent.seconds) + allocation_text(run.allocation) + saves_text(run.saves) +
            stragglers_text(run.ledger) + data_table(run) + communication_table(run.ledger);
  }
  const FiguresById total = total_figures(runs);
  if (runs.size() > 1) {
    text += fmt::format("\nAll {} runs: {} tokens kept\n", runs.size(), grouped(total_tokens(runs).value)) + flops_table(total);
  }
  return text + legend(total);
}

}  // namespace ergon
