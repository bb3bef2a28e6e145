// SPDX-License-Identifier: Apache-2.0
// The subcommands of `ergon`: one function each, in the file of its name. argv[0] is the subcommand's last word; the return value is the
// exit code; errors are thrown (configs/error.hpp) and turned into text and exit code by main.
#pragma once

namespace ergon {

int command_bench(int argc, char** argv);
int command_bench_rank(int argc, char** argv);
int command_checkpoint(int argc, char** argv);
int command_checkpoint_diff(int argc, char** argv);
int command_checkpoint_export(int argc, char** argv);
int command_checkpoint_import(int argc, char** argv);
int command_checkpoint_merge(int argc, char** argv);
int command_checkpoint_resave(int argc, char** argv);
int command_data(int argc, char** argv);
int command_data_bigram(int argc, char** argv);
int command_data_export_ids(int argc, char** argv);
int command_data_import(int argc, char** argv);
int command_data_import_ids(int argc, char** argv);
int command_data_import_pairs(int argc, char** argv);
int command_data_inspect(int argc, char** argv);
int command_data_merge(int argc, char** argv);
int command_data_pack(int argc, char** argv);
int command_data_sample(int argc, char** argv);
int command_data_split(int argc, char** argv);
int command_data_stats(int argc, char** argv);
int command_data_verify(int argc, char** argv);
int command_doctor(int argc, char** argv);
int command_fit(int argc, char** argv);
int command_flight(int argc, char** argv);
int command_flops(int argc, char** argv);
int command_gemm_probe(int argc, char** argv);
int command_generate(int argc, char** argv);
int command_h5_layout(int argc, char** argv);
int command_history(int argc, char** argv);
int command_launch(int argc, char** argv);
int command_law(int argc, char** argv);
int command_logs(int argc, char** argv);
int command_mfu(int argc, char** argv);
int command_plan(int argc, char** argv);
int command_report(int argc, char** argv);
int command_status(int argc, char** argv);
int command_stop(int argc, char** argv);
int command_train(int argc, char** argv);
int command_version(int argc, char** argv);
int command_watch(int argc, char** argv);

}  // namespace ergon
