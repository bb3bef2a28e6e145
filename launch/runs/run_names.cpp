// SPDX-License-Identifier: Apache-2.0
#include "launch/runs/run_names.hpp"

#include <filesystem>

#include "configs/error.hpp"
#include "launch/jobs/slurm.hpp"

namespace ergon {

std::string run_of_output(const std::string& output) {
  const std::filesystem::path path(output);
  const bool ours = path.filename().string().starts_with("job_") && path.parent_path().filename() == "logs";
  return ours ? path.parent_path().parent_path().string() : "";
}

std::string run_folder_of(const std::string& run_or_job) {
  if (std::filesystem::is_directory(run_or_job)) return run_or_job;
  if (!is_job_id(run_or_job))
    throw Error("there is no such run folder", run_or_job, "name the folder of a run (run.folder), or the number of a job", ExitCode::data);
  const auto job = slurm_job(run_or_job);
  if (!job)
    throw Error("there is no such run folder, and Slurm knows no such job", run_or_job,
                "name the folder of the run: Slurm forgets jobs some minutes after their end", ExitCode::data);
  const std::string folder = run_of_output(job->output);
  if (folder.empty() || !std::filesystem::is_directory(folder))
    throw Error("this job was not made by `ergon launch`: its output is " + job->output, run_or_job, "name the folder of the run",
                ExitCode::data);
  return folder;
}

}  // namespace ergon
