// SPDX-License-Identifier: Apache-2.0
// The script is run here by a real shell, with programs in place of Slurm's that write down how they are called.
#include "launch/jobs/job_script.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "configs/error.hpp"
#include "configs/keys.hpp"
#include "launch/child_process.hpp"
#include "launch/jobs/shell_words.hpp"
#include "tests/configs/refusal.hpp"
#include "tests/launch/jobs/job_site.hpp"
#include "tests/launch/jobs/launch_fixture.hpp"
#include "tests/support/skip.hpp"
#include "tests/support/temporary_folder.hpp"

#include "tests/support/catch.hpp"

using namespace ergon;
using test::holds;
using test::planned;
using test::refusal;
using test::slurm;
using test::times;
using Site = test::JobSite;

namespace {

std::string script(const std::vector<std::string>& keys) {
  return job_script(planned(slurm(keys)), {"/work folder", "/work folder/runs/a/launch/job.sh"});
}

}  // namespace

TEST_CASE("job_script: what the job asks for") {
  const std::string text = script({"launch.gpus_per_node=2", "launch.time=26 h", "launch.warning=5 min", "launch.partition=gpu",
                                   "launch.account=a1", "launch.options=[\"--exclusive\"]"});
  for (const char* line :
       {"#SBATCH --job-name=ergon-a\n", "#SBATCH --nodes=2\n", "#SBATCH --ntasks-per-node=2\n", "#SBATCH --gpus-per-node=2\n",
        "#SBATCH --time=1-02:00:00\n", "#SBATCH --signal=B:USR1@300\n", "#SBATCH --partition=gpu\n", "#SBATCH --account=a1\n",
        "#SBATCH --exclusive\n", "#SBATCH --requeue\n", "#SBATCH --open-mode=append\n", "#SBATCH '--chdir=/work folder'\n",
        "#SBATCH '--output=/work folder/runs/a/logs/job_%j.out'\n"})
    CHECK(holds(text, line));
  const std::string elastic = script({"launch.min_nodes=1", "run.threads=3"});
  CHECK(holds(elastic, "#SBATCH --nodes=1-2\n#SBATCH --mincpus=6\n#SBATCH --cpus-per-task=3\n"));
  CHECK_FALSE(holds(elastic, "#SBATCH --ntasks"));  // Slurm takes no more nodes than tasks
  CHECK(holds(elastic, "--ntasks=\"$ranks\" --ntasks-per-node=2 --cpus-per-task=3 "));
  CHECK(holds(script({}), "#SBATCH --signal=B:USR1@120\n"));  // the limit of its partition is one, too
  CHECK_FALSE(holds(script({}), "--time"));
  CHECK(holds(script({"launch.interface=eth1"}), "export NCCL_SOCKET_IFNAME='=eth1'\n"));  // and not eth10
  CHECK_FALSE(holds(script({"launch.interface=10.1.0.0/16"}), "NCCL_SOCKET_IFNAME"));
  CHECK(holds(script({"launch.environment=[\"A=b\"]"}), "export SLURM_PMIX_FENCE=tree\nexport A=b\n"));  // a site's own word is the last
  CHECK_FALSE(holds(script({"launch.ranks_by=mpirun"}), "SLURM_PMIX"));
  CHECK(holds(script({"launch.comeback=array", "launch.starts=5"}), "#SBATCH --array=1-5%1\n#SBATCH --no-requeue\n"));
}

TEST_CASE("job_script: words are quoted, newlines refused") {
  CHECK(holds(script({"run.folder=runs/$(id) it's"}), "run='runs/$(id) it'\\''s'\n"));
  CHECK(holds(script({"launch.environment=[\"A=$(id) 'x'\"]"}), "export A='$(id) '\\''x'\\'''\n"));
  CHECK(refusal([] {
          job_script(planned(slurm({}), "a\nb.toml"), {"/w", "/s"});
        }).find("holds a newline or another control character") != std::string::npos);
  CHECK(refusal([] { job_script(planned(slurm({})), {"/w\n", "/s"}); }).find("holds a newline") != std::string::npos);
}

TEST_CASE("job_script: a run that reached its end ends the job with 0") {
  const Site site("");
  const Site done("echo '1 0' > " + site.folder / "outcome");
  CHECK(holds(done.run({}), "ended 0\n"));
  CHECK_FALSE(holds(done.calls(), "scontrol requeue"));
}

TEST_CASE("job_script: a job that saved is requeued while it runs, and only then") {
  for (const char* state : {"RUNNING", "CANCELLED", "COMPLETING"}) {
    Site site("", state);
    site.ranks("srun", site.saved(85));
    const std::string said = site.run({});
    CHECK(holds(said, "code 85, a fresh result.json: yes"));
    CHECK(holds(said, "ended 85\n"));
    const bool runs = state == std::string("RUNNING");
    CHECK(holds(site.calls(), "scontrol requeue 7") == runs);
    CHECK(holds(said, fmt::format("not requeued by this script: Slurm says that this job is {}\n", state)) == !runs);
  }
}

TEST_CASE("job_script: a Slurm that does not answer is asked again for a minute, and then it is said why nothing comes back") {
  const std::string task = "SLURM_ARRAY_JOB_ID=7 SLURM_ARRAY_TASK_ID=2";
  const std::string unsaid = "Slurm does not answer; if the job does not come back, submit it again\nended 85\n";
  for (const auto& [comeback, said] : {std::pair{"requeue", "not requeued by this script: "},
                                       {"chain", "no next job: "},
                                       {"array", "whether the next task of the array goes on is left to Slurm: "}}) {
    Site gone("");
    gone.ranks("srun", gone.saved(85));
    gone.program("scontrol", "exit 1");
    CHECK(holds(gone.run({std::string("launch.comeback=") + comeback}, task), said + unsaid));
    CHECK(times(gone.calls(), "scontrol -o show job 7_2\n") == 6);
    CHECK(times(gone.calls(), "sleep 10\n") == 5);
  }
  Site restarted("");
  restarted.ranks("srun", restarted.saved(85));
  restarted.program("scontrol", "[ \"$(grep -c scontrol " + restarted.folder / "calls" + ")\" -lt 3 ] || echo 'JobId=7 JobState=RUNNING'");
  CHECK(holds(restarted.run({}), "requeued\nended 85\n"));
  CHECK(times(restarted.calls(), "scontrol requeue 7\n") == 1);
}

TEST_CASE("job_script: result.json decides, not the status of srun") {
  Site killed("");  // a rank died while the others saved: 137 hides 85
  killed.ranks("srun", "echo '2 85' > " + killed.folder / "outcome" + "; exit 137");
  CHECK(holds(killed.run({}), "code 85"));
  CHECK(holds(killed.calls(), "scontrol requeue 7"));

  Site stale("exit 85");  // nobody has written a result: what is there is of the start before
  test::write_file(stale.folder / "outcome", "1 85\n");
  CHECK(holds(stale.run({}), "ended 1\n"));
  CHECK_FALSE(holds(stale.calls(), "requeue"));

  Site stopped("");
  stopped.ranks("srun", stopped.saved(86));
  CHECK(holds(stopped.run({}), "ended 86\n"));
  CHECK_FALSE(holds(stopped.calls(), "requeue"));
}

TEST_CASE("job_script: a result that cannot be read is asked for again, and then it is said why") {
  const Site damaged("exit 85");
  damaged.program("ergon", "echo 'ergon: error: result.json: damaged' >&2; exit 3");
  const std::string said = damaged.run({}, "exec 2>&1;");
  CHECK(holds(said, "ergon: error: result.json: damaged\n"));
  CHECK(holds(said, "ergon status ended with 3: nobody knows here how the ranks have ended\n"));
  CHECK(holds(said, "ended 1\n"));
  CHECK(times(damaged.calls(), "sleep 2\n") == 4);

  Site once("");  // a TERM to every process of the job ends ergon status, too
  once.ranks("srun", "touch " + once.folder / "ended" + "\n" + once.saved(85));
  once.program("ergon", "[ ! -e " + once.folder / "ended" + " ] || { rm " + once.folder / "ended" + "; kill -TERM $$; }\ncat " +
                            once.folder / "outcome" + " 2>/dev/null || :");
  CHECK(holds(once.run({}), "code 85, a fresh result.json: yes"));
  CHECK(times(once.calls(), "scontrol requeue 7\n") == 1);
}

TEST_CASE("job_script: a job that Slurm does not requeue says so and ends") {
  Site site("");
  site.ranks("srun", site.saved(85));
  site.program("scontrol", "if [ \"$1\" = requeue ]; then echo disabled >&2; exit 1; fi; echo JobState=RUNNING");
  CHECK(holds(site.run({}), "Slurm has not requeued the job: submit it again, and see launch.comeback\nended 85\n"));
  CHECK_FALSE(holds(site.calls(), "sleep"));
  Site chain("");
  chain.ranks("srun", chain.saved(85));
  chain.program("sbatch", "exit 1");
  CHECK(holds(chain.run({"launch.comeback=chain"}), "Slurm has not taken the next job: submit it again\nended 85\n"));
}

TEST_CASE("job_script: USR1, USR2 and TERM reach the ranks as USR1, and the true status is waited for") {
  for (const char* name : {"USR1", "USR2", "TERM"}) {
    Site site("");
    site.ranks("srun", fmt::format("( /bin/sleep 0.3; kill -{} $PPID ) &\n", name) + site.hearing());
    const std::string said = site.run({});
    CHECK(holds(said, "signal: the ranks are asked to save and end"));
    CHECK(holds(said, "code 85, a fresh result.json: yes"));
  }
}

TEST_CASE("job_script: a signal at any moment of a start ends nothing, and is not lost") {
  for (const bool by_mpirun : {false, true}) {
    Site forked("");  // between the fork and the first that srun does
    forked.ranks(by_mpirun ? "mpirun" : "srun", forked.saved(0));
    forked.by_mpirun = by_mpirun;
    const std::string said = forked.run(
        {}, "", "  child=$!\n",
        "  child=$!\n  [ -n \"${sent-}\" ] || { sent=yes; kill -USR1 $child; kill -USR2 $child; kill -TERM $child; kill -USR1 $$; }\n");
    CAPTURE(said);
    CHECK(holds(said, "ended 0\n"));
  }
  Site between("");  // heard, though what is being started must not be ended by it
  between.ranks("srun", between.hearing());
  CHECK(holds(between.run({}, "", "  child=$!\n", "  kill -USR1 $$\n  child=$!\n"), "code 85, a fresh result.json: yes"));
  Site early("");
  early.ranks("srun", early.hearing());
  const std::string said = early.run({}, "", "\nbegin\n", "\nkill -USR1 $$\nbegin\n");
  CHECK(holds(said, "signal: there are no ranks to ask"));
  CHECK(holds(said, "code 85, a fresh result.json: yes"));
  Site deaf("");
  deaf.ranks("srun", "kill -USR1 $PPID\n/bin/sleep 0.3\n" + deaf.hearing());
  CHECK(holds(deaf.run({}), "code 85, a fresh result.json: yes"));
}

TEST_CASE("job_script: a start in which no rank began is tried once more") {
  const Site site("");
  const std::string unreachable = "echo 'srun: error: Unable to contact slurm controller' >&2; exit 1";
  site.program("srun", unreachable);
  CHECK(holds(site.run({}), "code 1 before any rank began: once more in 10 s"));
  CHECK(times(site.calls(), "srun ") == 2);
  CHECK(holds(site.calls(), "sleep 10"));

  const Site mended("");
  mended.program("srun", "[ -e " + mended.folder / "been" + " ] || { touch " + mended.folder / "been" + "; " + unreachable + "; }\n" +
                             mended.saved(0));
  CHECK(holds(mended.run({}), "code 0, a fresh result.json: yes\nended 0\n"));

  const Site began("exit 1");  // a rank has begun: what ended it would end it again
  CHECK_FALSE(holds(began.run({}), "once more"));
  Site named("");
  named.run_folder = "lr[3e-4]";
  named.ranks("srun", named.saved(86));
  CHECK(holds(named.run({}), "code 86, a fresh result.json: yes\nended 86\n"));
  CHECK(times(named.calls(), "srun ") == 1);
  const Site asked("");
  asked.program("srun", "kill -TERM $PPID; /bin/sleep 0.3; exit 1");
  CHECK_FALSE(holds(asked.run({}), "once more"));
}

TEST_CASE("job_script: mpirun starts the ranks where srun cannot, and result.json decides all the same") {
  LaunchPlan plan = planned(slurm({"launch.interface=ib0", "launch.environment=[\"A=b c\"]"}));
  plan.by_mpirun = true;
  const std::string text = job_script(plan, {"/w", "/w/job.sh"});
  CHECK(holds(
      text,
      "mpirun -n \"$ranks\" --output-filename \"$logs\" --bind-to none --map-by ppr:2:node --mca mpi_yield_when_idle 0 --mca "
      "odls_base_sigkill_timeout 2 --mca btl_tcp_if_include ib0 --mca oob_tcp_if_include ib0 -x NCCL_SOCKET_IFNAME==ib0 -x "
      "OMP_NUM_THREADS=1 -x 'A=b c' \\\n    sh -c 'trap \"\" USR1 USR2 TERM INT; exec \"$@\"' sh \\\n    /opt/ergon train run.toml "));
  CHECK_FALSE(holds(text, "srun --mpi"));

  Site lost("");  // a node went: mpirun's 205 or 1 says nothing of the run
  lost.by_mpirun = true;
  lost.ranks("mpirun", "exit 205");
  CHECK(holds(lost.run({}), "code 205, a fresh result.json: no\nended 205\n"));
  CHECK_FALSE(holds(lost.calls(), "requeue"));
  Site saved("");
  saved.by_mpirun = true;
  saved.ranks("mpirun", "echo '2 85' > " + saved.folder / "outcome" + "; exit 1");
  CHECK(holds(saved.run({}), "code 85, a fresh result.json: yes"));
  CHECK(holds(saved.calls(), "scontrol requeue 7"));
}

TEST_CASE("job_script: only the first start of a job begins a run again") {
  for (const auto& [count, words] : {std::pair{"0", "--restart\n"}, {"1", "run.folder="}}) {
    Site site("");
    site.restart = true;
    site.run({}, std::string("SLURM_RESTART_COUNT=") + count);
    const std::string calls = site.calls();
    CHECK(holds(calls, "srun "));
    CHECK(holds(calls, words));
    CHECK(holds(calls, "--restart") == (std::string(count) == "0"));
  }
}

namespace {

// Every way to write a script, by what makes them differ.
std::vector<std::vector<std::string>> kinds() {
  return {{},
          {"launch.comeback=chain"},
          {"launch.comeback=array"},
          {"launch.comeback=never"},
          {"launch.min_nodes=1"},
          {"launch.nodes=3"},
          {"launch.time=4 h", "launch.partition=p", "launch.account=a", "launch.qos=q", "launch.constraint=\"[a&b]\""},
          {"launch.modules=[\"openmpi/4.1\"]", "launch.environment=[\"A=b 'c' $(d)\"]", "launch.interface=eth0"},
          {"launch.gpus_per_node=2", "launch.options=[\"--comment=it's\"]", "run.folder=it's a \"$(run)\""}};
}

// SC2016: a `$` between single quotes, which is how names that hold one are meant.
std::string complaints(const std::string& file) {
  return output_of({"/bin/bash", "-c", "shellcheck --exclude=SC2016 " + shell_word(file) + " 2>&1; true"});
}

}  // namespace

TEST_CASE("job_script: shellcheck finds nothing in any script") {
  if (!output_within({10}, {"shellcheck", "--version"})) return test::skip("shellcheck is not installed (launch/setup.sh --slurm)");
  const test::TemporaryFolder folder;
  for (const auto& keys : kinds())
    for (const bool by_mpirun : {false, true}) {
      LaunchPlan plan = planned(slurm(keys));
      plan.by_mpirun = plan.restart = by_mpirun;
      test::write_file(folder / "job.sh", job_script(plan, {"/work folder", "/work folder/job.sh"}));
      CHECK(complaints(folder / "job.sh") == "");
    }
  test::write_file(folder / "job.sh", "#!/bin/bash\necho $1\n");
  CHECK(holds(complaints(folder / "job.sh"), "SC2086"));  // it sees what it is for
}

TEST_CASE("job_script: whatever a key of [launch] holds, it starts nothing in a script, and a newline is refused") {
  std::map<std::string, int> taken;
  for (const Key& key : keys_launch()) {
    for (const char* value :
         {"a b", "it's", "\"q\"", "$(touch hit)", "`touch hit`", "; touch hit #", "a\nb", "a\n#SBATCH --hold", "a\rb"}) {
      for (const char* form : {"", "--x=", "A=", "dp="}) {
        const std::string text = form + std::string(value);
        const std::string said = key.type == "list of texts" ? nlohmann::json::array({text}).dump() : nlohmann::json(text).dump();
        const Site site("");
        std::string printed;
        try {
          printed = site.run({key.name + "=" + said});
        } catch (const Error&) {
          continue;
        }
        CAPTURE(key.name, text);
        ++taken[key.name];
        CHECK(text.find_first_of("\r\n") == std::string::npos);
        CHECK_FALSE(std::filesystem::exists(site.folder / "hit"));
        CHECK(holds(printed, "ended 0\n"));
        CHECK(holds(site.calls(), said));  // as it was, in the line of the ranks
      }
    }
  }
  CHECK(taken.size() == 3);  // environment, options, hosts; the others take names and numbers only
}

TEST_CASE("job_script: an elastic job asks how many ranks its nodes can run") {
  const Site site("");
  site.run({"launch.min_nodes=1"});
  CHECK(holds(site.calls(), "--fit 4"));
  CHECK(holds(site.calls(), "--ntasks=2 "));
}

TEST_CASE("job_script: places without a rank are told to who books them") {
  CHECK_FALSE(holds(script({"launch.gpus_per_node=2"}), "ERGON_PLACES"));
  CHECK(holds(script({"launch.gpus_per_node=8", "launch.ranks_per_node=2"}),
              "ranks=$((SLURM_JOB_NUM_NODES * 2))\nexport ERGON_PLACES=$((SLURM_JOB_NUM_NODES * 8))\n\n"));
  CHECK(holds(script({"launch.nodes=3"}), "export ERGON_PLACES=$((SLURM_JOB_NUM_NODES * 2))\nranks=4\n"));
  CHECK(holds(script({"launch.min_nodes=1"}), "export ERGON_PLACES=$((SLURM_JOB_NUM_NODES * 2))\n# What"));
}

TEST_CASE("slurm_time") {
  CHECK(slurm_time({59.2}) == "00:01:00");
  CHECK(slurm_time({3600}) == "01:00:00");
  CHECK(slurm_time({93784}) == "1-02:03:04");
}
