// SPDX-License-Identifier: Apache-2.0
// `ergon report`: what runs spent, kept and lost.
#include "accounting/report/report.hpp"

#include <filesystem>
#include <iostream>
#include <set>

#include "configs/error.hpp"
#include "launch/command_line.hpp"
#include "launch/commands.hpp"
#include "launch/jobs/sacct.hpp"

namespace ergon {

int command_report(int argc, char** argv) {
  std::vector<std::string> folders;
  bool json = false, no_sacct = false;
  CommandLine line("ergon report", "what runs spent: FLOPs by convention, pfs-days, speed, time, communication");
  line.rest(folders, "RUN", "the folder of a run; several add up", Needed::yes);
  line.flag(json, "--json", "print JSON, schema ergon.report.v1");
  line.flag(no_sacct, "--no-sacct", "do not ask Slurm's accounts when jobs were submitted, began and ended: the run's own stamps do");
  line.footer("Examples:\n  ergon report runs/demo\n  ergon report runs/a runs/b --json\n");
  if (!line.parse(argc, argv)) return 0;
  std::vector<RunReport> runs;
  std::set<std::filesystem::path> seen;
  for (const std::string& folder : folders) {
    if (!seen.insert(std::filesystem::weakly_canonical(folder)).second)
      throw Error("this run is named twice, and would be added up twice", folder, "name each run once");
    runs.push_back(read_run(folder));
    if (const auto records = no_sacct ? std::nullopt : sacct_records(jobs_of(runs.back()))) use_job_records(runs.back(), *records);
  }
  std::cout << (json ? report_json(runs) : report_text(runs)) << std::flush;
  return 0;
}

}  // namespace ergon
