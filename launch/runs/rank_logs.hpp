// SPDX-License-Identifier: Apache-2.0
// What the ranks of a run have printed: RUN/logs holds a folder for each start, as `ergon launch` makes them.
//   srun:   RUN/logs/job_17.0/rank_3.log
//   mpirun: RUN/logs/20261128-223805/1/rank.03/stdout and stderr
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace ergon {

// The folder of the newest start, by the time of its last change; empty when there is none.
std::string newest_start(const std::string& run_folder);
// rank -> its files, in the order in which they are to be shown.
std::map<std::int64_t, std::vector<std::string>> rank_files(const std::string& start_folder);
// At most so many of the last lines of a file, of its last 16 KiB; none of one that cannot be read.
std::vector<std::string> last_lines(const std::string& path, std::size_t count);

}  // namespace ergon
