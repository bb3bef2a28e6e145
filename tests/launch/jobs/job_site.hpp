// SPDX-License-Identifier: Apache-2.0
// A place where the script of a job runs in a real shell, with programs in place of Slurm's that write down how they are called.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <vector>

#include "launch/child_process.hpp"
#include "launch/jobs/job_script.hpp"
#include "launch/jobs/shell_words.hpp"
#include "tests/launch/jobs/launch_fixture.hpp"
#include "tests/support/temporary_folder.hpp"

namespace ergon::test {

inline std::vector<std::string> slurm(std::vector<std::string> keys) {
  keys.insert(keys.begin(), {"mesh.dp=4", "launch.with=slurm", "launch.nodes=2"});
  return keys;
}

inline bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// Lines of `calls` that begin with `words`.
inline std::int64_t times(const std::string& calls, const std::string& words) {
  std::int64_t count = calls.starts_with(words);
  for (std::size_t at = 0; (at = calls.find("\n" + words, at)) != std::string::npos; ++at) ++count;
  return count;
}

// A folder of programs that stand for Slurm's and for ergon's. `ranks`: what srun does; the ranks it starts leave their logs.
struct JobSite {
  TemporaryFolder folder;
  std::string run_folder = "run";
  bool by_mpirun = false, restart = false;

  void program(const std::string& name, const std::string& body) const {
    write_file(folder / name, "#!/bin/bash\necho \"" + name + " $*\" >> " + folder / "calls" + "\n" + body + "\n");
    ::chmod((folder / name).c_str(), 0755);
  }
  void ranks(const std::string& launcher, const std::string& body) const {
    program(launcher, "for logs in " + shell_word(folder / (run_folder + "/logs")) + "/job_*; do : > \"$logs/rank_0.log\"; done\n" + body);
  }

  explicit JobSite(const std::string& ranks, const std::string& state = "RUNNING", const std::string& stalled = "0") {
    this->ranks("srun", ranks);
    program("scontrol", "echo \"JobId=7 JobState=" + state + " Reason=None\"");
    program("sbatch", "echo 8");
    program("scancel", "");
    program("sleep", "exec /bin/sleep 0.1");
    program("ergon", "case \"$*\" in *--outcome*) cat " + folder / "outcome" + " 2>/dev/null || :;; *--stalled*) echo " + stalled +
                         ";; *--fit*) echo 2;; esac");
  }

  // What the job came to: its exit code, and what it printed. part, other: of its script, another text for a part.
  std::string run(std::vector<std::string> keys, const std::string& variables = "", const std::string& part = "",
                  const std::string& other = "") const {
    keys.push_back("run.folder=" + (folder / run_folder));
    LaunchPlan plan = planned(slurm(keys));
    plan.program = {folder / "ergon"};
    plan.train[0] = folder / "ergon";
    plan.by_mpirun = by_mpirun;
    plan.restart = restart;
    std::string text = job_script(plan, {folder.path(), folder / "job.sh"});
    if (!part.empty()) text.replace(text.find(part), part.size(), other);
    write_file(folder / "job.sh", text);
    return output_of({"/bin/bash", "-c",
                      "cd " + shell_word(folder.path()) + "; export PATH=" + shell_word(folder.path()) +
                          ":$PATH SLURM_JOB_ID=7 SLURM_JOB_NUM_NODES=2 SLURM_JOB_NODELIST=n; " + variables + " bash " +
                          shell_word(folder / "job.sh") + "; echo \"ended $?\""});
  }
  // srun as it is: deaf until it hears, which a shell cannot be. USR1 makes it save, TERM kills.
  std::string hearing() const {
    return "exec python3 -c '\nimport signal, sys, time\ndef hear(*_):\n  open(\"" + folder / "outcome" +
           "\", \"w\").write(\"2 85\\n\")\n  sys.exit(85)\nsignal.signal(signal.SIGUSR1, hear)\nsignal.signal(signal.SIGTERM, "
           "lambda *_: sys.exit(143))\nfor _ in range(9): time.sleep(0.2)\nsys.exit(3)'";
  }
  std::string calls() const { return read_file(folder / "calls"); }
  // What a start leaves that ended in order.
  std::string saved(int code) const {
    return "echo '2 " + std::to_string(code) + "' > " + folder / "outcome" + "; exit " + std::to_string(code);
  }
};

}  // namespace ergon::test
