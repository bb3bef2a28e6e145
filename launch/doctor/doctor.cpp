// SPDX-License-Identifier: Apache-2.0
// `ergon doctor`: one line for each part that Ergon stands on; what is wrong, and how to mend it. Started as the ranks of a job, or with a
// run to look at, it judges the job. Exit code 4 when something essential is broken.
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <iostream>
#include <mutex>
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "configs/key_table.hpp"
#include "configs/parse.hpp"
#include "launch/command_line.hpp"
#include "launch/commands.hpp"
#include "launch/doctor/doctor_job.hpp"
#include "launch/doctor/job_diagnosis.hpp"
#include "launch/doctor/job_page.hpp"
#include "launch/failure.hpp"
#include "parallel/communicator_mpi.hpp"
#include "parallel/deadline.hpp"
#include "parallel/started_ranks.hpp"
#include "trainer/found_stores.hpp"
#include "trainer/rank_zero.hpp"
#include "trainer/run_folder.hpp"

namespace ergon {
namespace {

struct DoctorLine {
  std::string file, folder;
  std::vector<std::string> overrides;
  double patience = 120;
  bool quick = false, json = false;
};

bool parse_line(int argc, char** argv, DoctorLine& line) {
  CommandLine command("ergon doctor",
                      "What Ergon finds on this machine, what is wrong with it, and how to mend it. Started as the ranks of a job (under "
                      "mpirun or srun), it looks at all of them and at what is between them.");
  command.positional(line.file, "RUN.toml", "a run file: do these ranks fit its mesh, its folder, its network", Needed::no);
  command.rest(line.overrides, "KEY=VALUE", "keys of the run file, after it");
  command.option(line.folder, "--run", "FOLDER", "the folder of the run (default: run.folder, or where this is started)");
  command.option(line.patience, "--patience", "SECONDS", "give up when the ranks have not come to the end by then (default: 120)");
  command.flag(line.quick, "--quick", "time no messages between ranks and no matrix products");
  command.flag(line.json, "--json", "print JSON, schema ergon.doctor.v1");
  command.footer(
      "Verdicts: good; note: works, worth knowing; poor: works badly; broken: Ergon cannot run here (exit code 4).\n\nExamples:\n"
      "  ergon doctor\n  mpirun -n 4 ergon doctor run.toml\n  srun --mpi=pmix -N 4 ergon doctor run.toml --json\n");
  return command.parse(argc, argv);
}

int answer(const DoctorLine& line, const std::string& text, const nlohmann::ordered_json& json, const std::vector<JobFinding>& findings) {
  std::cout << (line.json ? json.dump(2) + "\n" : text) << std::flush;
  return static_cast<int>(worst(findings) == Condition::broken ? ExitCode::world : ExitCode::ok);
}

int answer_findings(const DoctorLine& line, const std::vector<JobFinding>& findings) {
  return answer(line, findings_text(findings), findings_json(findings), findings);
}

int look_at_machine(const DoctorLine& line) {
  std::vector<JobFinding> findings;
  for (Finding& finding : diagnose(probe_machine())) findings.push_back({std::move(finding)});
  return answer_findings(line, findings);
}

// What the ranks are waiting for; said, and the process ended, when the time is over. Nothing that needs the others may be called then.
class PatienceWithRanks {
 public:
  explicit PatienceWithRanks(Seconds limit) : deadline_(limit, [this, limit] { give_up(limit); }) {}
  void set(const std::string& phase) {
    const std::lock_guard lock(mutex_);
    phase_ = phase;
  }

 private:
  void give_up(Seconds limit) {
    const std::lock_guard lock(mutex_);
    fmt::print(stderr,
               "ergon: error: after {:.0f} s still waiting for: {}\n"
               "  hint: a rank is missing, or a network carries nothing: see which ranks say this and which say nothing; launch.interface "
               "(OMPI_MCA_btl_tcp_if_include) names the network, --patience waits longer\n",
               limit.value, phase_);
    std::fflush(stderr);
    ::_exit(static_cast<int>(ExitCode::world));
  }

  std::mutex mutex_;
  std::string phase_ = "all ranks to start";
  Deadline deadline_;  // last: it reads the others
};

// Rank 0 reads the run file for all; a run that goes on reads its stores where the attempt before has found them.
JobQuestion question_of(const DoctorLine& line, Communicator& world, PatienceWithRanks& patience) {
  JobQuestion question;
  question.folder = line.folder;
  question.quick = line.quick;
  question.phase = [&patience](const std::string& phase) { patience.set(phase); };
  if (line.file.empty()) return question;
  const std::string resolved = on_rank_zero(world, [&] {
    RunConfig config = parse_run_config(line.file, line.overrides);
    Storage storage;
    const RunFolder folder(storage, line.folder.empty() ? config.run.folder : line.folder);
    if (folder.started()) config.data = found_stores(config.data, folder.stored_config().data, storage);
    return to_toml(config);
  });
  question.config = parse_run_text(resolved, line.file, {});
  return question;
}

int look_at_job(const DoctorLine& line, LocalRank local, PatienceWithRanks& patience) {
  const std::unique_ptr<Communicator> world = make_mpi_world();
  try {
    const ExaminedJob job = gather_job(*world, local, question_of(line, *world, patience));
    patience.set("all ranks to end");
    if (world->rank() != 0) return 0;
    const std::vector<JobFinding> findings = diagnose_job(job);
    return answer(line, job_page(job, findings), job_json(job, findings), findings);
  } catch (const AgreedError& error) {
    if (world->rank() == 0) fmt::print(stderr, "ergon: error: {}\n", error.what());
    return static_cast<int>(error.code());
  }
}

// Ranks that do not know of each other: each would look at itself alone. The first speaks, and the launcher returns the largest code.
int answer_trap(const DoctorLine& line, const StartedRanks& started, const Error& trap) {
  if (started.rank != 0) return 0;
  return answer_findings(line, {{{"start", Condition::broken, trap.problem(), trap.hint()}}});
}

}  // namespace

int command_doctor(int argc, char** argv) {
  DoctorLine line;
  if (!parse_line(argc, argv, line)) return 0;
  const StartedRanks started = started_ranks();
  if (const std::optional<Error> trap = launcher_trap(started, {})) return answer_trap(line, started, *trap);
  if (started.size <= 1 && line.file.empty() && line.folder.empty()) return look_at_machine(line);

  PatienceWithRanks patience({line.patience});
  std::optional<MpiEnvironment> mpi;
  try {
    mpi.emplace(&argc, &argv);
  } catch (const Error& error) {
    return answer_trap(line, started, error);  // MPI has been ended again
  }
  const auto end_the_others = [&](int failed) {
    if (mpi->size() > 1) MpiEnvironment::abort(static_cast<ExitCode>(failed));
  };
  const int code = run_guarded([&] { return look_at_job(line, mpi->local(), patience); }, end_the_others);
  // Slurm may end a step with the first task that fails (KillOnBadExit), and would show 143 in place of the code that all have.
  std::signal(SIGTERM, SIG_IGN);
  return mpi->finish(static_cast<ExitCode>(code), /*patience=*/{30});
}

}  // namespace ergon
