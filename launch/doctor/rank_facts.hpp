// SPDX-License-Identifier: Apache-2.0
// What one rank of a job knows of itself and of its machine, as plain values: `ergon doctor` gathers them on rank 0 and judges them in
// launch/doctor/job_diagnosis.hpp.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "configs/run_config.hpp"
#include "launch/doctor/clock_offset.hpp"
#include "launch/doctor/data_view.hpp"
#include "launch/doctor/diagnosis.hpp"
#include "launch/doctor/machine.hpp"
#include "launch/doctor/network_interfaces.hpp"
#include "launch/doctor/process_limits.hpp"
#include "launch/doctor/shared_folder.hpp"
#include "parallel/mpi.hpp"

namespace ergon {

struct RankFacts {
  int rank = 0;
  LocalRank local;
  std::string host;
  std::string binary;                           // the build id of the program, hexadecimal
  std::string file_hash;                        // SHA-256 of its file; empty: it may not be read
  std::map<std::string, std::string> versions;  // ergon, mpi, hdf5, torch, nccl, cuda; "": missing
  std::string processor;                        // its model and instruction sets
  std::vector<int> processors;                  // that this rank may run on, once bound as a run binds it
  std::int64_t quota = 0;                       // processors that a control group lets its ranks use together; 0: no limit
  int domain = -1;                              // of memory (NUMA), if all its processors are in one
  std::string binding_problem, binding_cure;    // why it could not be bound
  Bytes memory_available;
  ProcessLimits limits;
  std::vector<NetworkInterface> interfaces;
  std::string rule;                   // OMPI_MCA_btl_tcp_if_include
  std::string route;                  // the interface towards another node; empty: there is none, or no other node
  bool mixed_fences = false;          // started by srun with SLURM_PMIX_FENCE as Slurm sets it
  bool infiniband = false;            // wants locked memory
  std::int64_t gpus = 0;              // device files that it sees
  std::string gpu;                    // PCI address of the device it took; empty: none
  GpuMemory gpu_memory;               // of that device, this rank's own CUDA context counted as used
  std::string gpu_problem, gpu_cure;  // why none
  FlopsPerSecond products;            // of its GPU in bfloat16, or of its processors in float32; 0: not measured
  FolderView folder;
  std::vector<DataView> data;  // of the run file; empty: there is none
  ClockReading clock;
  std::vector<Finding> machine;  // what launch/doctor/diagnosis makes of its machine
};

// What a rank can tell without the others, once it has looked at the folder; `bind` as a run does it. The clock, the route, products and
// data are filled in later.
RankFacts own_facts(int rank, LocalRank local, Binding bind, const FolderView& folder);

// Members under their names; bytes and seconds as numbers.
nlohmann::ordered_json to_json(const RankFacts& facts);
RankFacts rank_facts_from_json(const nlohmann::ordered_json& json);

// The processors of "0-3,8", as the kernel lists them.
std::vector<int> parse_processor_list(const std::string& text);

}  // namespace ergon
