/* SPDX-License-Identifier: Apache-2.0
 * The kernels of a device as a table of plain C functions: what libergon_cuda.so hands over, what trainer/kernels/device.hpp calls, and
 * what the emulated kernels of the tests fill. Meaning and dtype rules of each entry are those of the host function of the same name
 * (trainer/kernels/NAME.hpp, trainer/attention, trainer/optimizer).
 *
 * Pointers are device memory but where a name begins with host_. C = the compute type that `dtype` names, A = its accumulator: float64 for
 * float64, otherwise float32. Tensors are contiguous unless strides are given (in elements). Every entry queues its work on `stream` and
 * returns 0, or an error code that error_text puts into words; entries with a host_ result wait for it. Optional pointers may be null.
 */
#ifndef ERGON_TRAINER_KERNELS_CUDA_KERNEL_TABLE_H
#define ERGON_TRAINER_KERNELS_CUDA_KERNEL_TABLE_H

#include <stdint.h>

enum { ERGON_KERNEL_TABLE_VERSION = 1 };
enum ErgonDtype { ERGON_FLOAT32 = 0, ERGON_FLOAT64 = 1, ERGON_BFLOAT16 = 2, ERGON_INT64 = 3 };
enum ErgonWrite { ERGON_OVERWRITE = 0, ERGON_ACCUMULATE = 1 };
enum ErgonTileKind { ERGON_TILE_EMPTY = 0, ERGON_TILE_FULL = 1, ERGON_TILE_PARTIAL = 2 };
/* Tiles of the attention kernels, and how many products with the head width they do a pair (backward: 3 for dq, 4 for dk and dv). */
enum {
  ERGON_ATTENTION_QUERY_TILE = 64,
  ERGON_ATTENTION_KEY_TILE = 32,
  ERGON_ATTENTION_FORWARD_MATMULS = 2,
  ERGON_ATTENTION_BACKWARD_MATMULS = 7,
  ERGON_ATTENTION_MAX_WIDTH = 256
};
enum { ERGON_COPY_MAX_DIMS = 6, ERGON_IGNORED_LABEL = -1 /* trainer/data/batch.hpp */ };

/* What is the same for all elements of one dropout site (trainer/kernels/dropout_mask.hpp); threshold 0 and factor 1: nothing is dropped.
 */
struct ErgonDropout {
  uint32_t key[2], step, site, threshold;
  double factor;
};

struct ErgonAttentionSizes {
  int64_t batch, queries, keys, heads, kv_heads, width; /* B, T, S, H, K, Q */
};
/* x[B, T, H, Q], last dim contiguous; x[B, H, T]. Strides in elements. */
struct ErgonHeads {
  void* data;
  int64_t sample, row, head;
};
struct ErgonRows {
  void* data;
  int64_t sample, head, row;
};
/* trainer/attention/block_plan.hpp, in device memory. */
struct ErgonAttentionPlan {
  const int64_t *query_positions, *key_positions, *low, *high;
  const uint8_t* tiles; /* ErgonTileKind, [query tiles, key tiles] */
};
struct ErgonAttentionDropout {
  struct ErgonDropout plan;
  int64_t first_sample, first_head, num_heads, sequence;
};
/* One call of attention. visited: optional, one count of computed pairs for each block of the grid (tests). */
struct ErgonAttention {
  struct ErgonAttentionSizes sizes;
  struct ErgonAttentionPlan plan;
  struct ErgonAttentionDropout dropout;
  double scale;
  enum ErgonDtype dtype, dout_dtype; /* q, k, v; dout: C or A */
  int64_t* visited;
};
/* One step of AdamW, folded (trainer/optimizer/adamw.cpp). */
struct ErgonAdamW {
  double keep, beta1, beta2, rest1, rest2, gradient_scale, step_size, second_scale, epsilon;
};
/* c[m, n] = op(a) op(b) (+ c), row-major with row strides. a and b have ab_dtype; c the same, or float32 where ab_dtype is bfloat16. */
struct ErgonGemm {
  int64_t m, n, k;
  const void *a, *b;
  void* c;
  int64_t a_stride, b_stride, c_stride;
  int a_transposed, b_transposed;
  enum ErgonDtype ab_dtype, c_dtype;
  enum ErgonWrite write;
};

struct ErgonKernelTable {
  int64_t version; /* ERGON_KERNEL_TABLE_VERSION */
  const char* (*error_text)(int code);
#define ERGON_ENTRY(name, ...) int (*name)(__VA_ARGS__)
#define ERGON_TAIL enum ErgonDtype dtype, void *stream

  /* memory */
  ERGON_ENTRY(allocate, void** result, int64_t bytes, void* stream);
  ERGON_ENTRY(release, void* memory, void* stream); /* once the work queued so far is done */
  ERGON_ENTRY(upload, void* target, const void* host_source, int64_t bytes, void* stream);
  ERGON_ENTRY(download, void* host_target, const void* source, int64_t bytes, void* stream);
  ERGON_ENTRY(zero, void* x, int64_t bytes, void* stream);
  /* Strides of up to ERGON_COPY_MAX_DIMS dims; between any two floating types, or int64 to int64. */
  ERGON_ENTRY(copy, void* y, enum ErgonDtype y_dtype, const int64_t* host_y_strides, const void* x, enum ErgonDtype x_dtype,
              const int64_t* host_x_strides, const int64_t* host_sizes, int dims, void* stream);

  /* matrix products: the handle of the library is made once a device */
  ERGON_ENTRY(blas_create, void** result);
  ERGON_ENTRY(blas_destroy, void* blas);
  ERGON_ENTRY(gemm, void* blas, const struct ErgonGemm* call, void* stream);

  /* norm.hpp; mean null: RMSNorm. mean, rstd, dweight, dbias: A; bias and dbias optional */
  ERGON_ENTRY(norm_forward, void* y, void* mean, void* rstd, const void* x, const void* weight, const void* bias, double epsilon,
              int64_t rows, int64_t width, ERGON_TAIL);
  ERGON_ENTRY(norm_backward_input, void* dx, const void* dy, const void* x, const void* mean, const void* rstd, const void* weight,
              enum ErgonWrite write, int64_t rows, int64_t width, ERGON_TAIL);
  ERGON_ENTRY(norm_backward_weight, void* dweight, void* dbias, const void* dy, const void* x, const void* mean, const void* rstd,
              enum ErgonWrite write, int64_t rows, int64_t width, ERGON_TAIL);
  /* activation.hpp; swiglu's x and dx are packed [rows, 2 width] */
  ERGON_ENTRY(gelu_forward, void* y, const void* x, const void* bias, int64_t rows, int64_t width, ERGON_TAIL);
  ERGON_ENTRY(gelu_backward, void* dx, const void* dy, const void* x, const void* bias, int64_t rows, int64_t width, ERGON_TAIL);
  ERGON_ENTRY(swiglu_forward, void* y, const void* x, const void* bias, int64_t rows, int64_t width, ERGON_TAIL);
  ERGON_ENTRY(swiglu_backward, void* dx, const void* dy, const void* x, const void* bias, int64_t rows, int64_t width, ERGON_TAIL);
  ERGON_ENTRY(column_sum, void* sum_A, const void* x, enum ErgonWrite write, int64_t rows, int64_t columns, ERGON_TAIL);
  /* rotary.hpp; direction 1 or -1; tables of C or A. A position outside the table turns its row into NaN */
  ERGON_ENTRY(rotary, void* x, int64_t stride_b, int64_t stride_t, int64_t stride_h, int64_t batch, int64_t length, int64_t heads,
              int64_t half, const int64_t* positions, const void* cos, const void* sin, int64_t limit, enum ErgonDtype table_dtype,
              int direction, ERGON_TAIL);
  /* embedding.hpp; dtable: A. A position outside the table turns its row into NaN */
  ERGON_ENTRY(embedding_forward, void* y, const int64_t* tokens, const void* table, int64_t count, int64_t width, int64_t first,
              int64_t real, ERGON_TAIL);
  ERGON_ENTRY(embedding_backward, void* dtable, const void* dy, const int64_t* tokens, int64_t count, int64_t width, int64_t table_rows,
              int64_t first, int64_t real, enum ErgonWrite write, ERGON_TAIL);
  ERGON_ENTRY(positions_add, void* y, const int64_t* positions, const void* table, int64_t count, int64_t width, int64_t limit, ERGON_TAIL);
  /* cross_entropy.hpp; logits, max, sum, label: A; dlogits: C, may be logits where the types are one */
  ERGON_ENTRY(logits_max, void* max, const void* logits, int64_t rows, int64_t columns, int64_t real, ERGON_TAIL);
  ERGON_ENTRY(logits_sum, void* sum, void* label, const void* logits, const void* max, const int64_t* labels, int64_t rows, int64_t columns,
              int64_t first, int64_t real, ERGON_TAIL);
  ERGON_ENTRY(cross_entropy_loss, double* host_loss, const void* max, const void* sum, const void* label, const int64_t* labels,
              int64_t rows, ERGON_TAIL);
  ERGON_ENTRY(cross_entropy_backward, void* dlogits, const void* logits, const void* max, const void* sum, const int64_t* labels,
              int64_t rows, int64_t columns, int64_t first, int64_t real, double scale, ERGON_TAIL);
  /* dropout.hpp: y = residual + (x + bias) * factor; residual and bias optional, positions too where nothing is dropped */
  ERGON_ENTRY(dropout, void* y, const void* residual, const void* x, const void* bias, const int64_t* positions,
              const struct ErgonDropout* host_plan, int64_t first_sample, int64_t sequence, int64_t batch, int64_t length, int64_t width,
              ERGON_TAIL);
  /* init.hpp: the box of rows x columns at (first_row, first_column) of a parameter that is global_columns wide */
  ERGON_ENTRY(fill_normal, void* x, uint32_t key0, uint32_t key1, uint64_t name_hash, int64_t rows, int64_t columns, int64_t first_row,
              int64_t first_column, int64_t global_columns, double std, ERGON_TAIL);
  /* pointwise.hpp */
  ERGON_ENTRY(add, void* y, const void* a, const void* b, int64_t elements, ERGON_TAIL);
  ERGON_ENTRY(add_bias, void* x, const void* bias, int64_t rows, int64_t width, ERGON_TAIL);
  ERGON_ENTRY(scale, void* x, double factor, int64_t elements, ERGON_TAIL);
  ERGON_ENTRY(squared_sum, double* host_sum, const void* x, int64_t elements, ERGON_TAIL);
  ERGON_ENTRY(all_finite, int* host_verdict, const void* x, int64_t elements, ERGON_TAIL);
  /* adamw.hpp; master, gradient, m, v: A; compute: C, optional, the master rounded */
  ERGON_ENTRY(adamw, void* master, void* compute, const void* gradient, void* m, void* v, const struct ErgonAdamW* host_settings,
              int64_t elements, ERGON_TAIL);
  /* parallel/local_attention.hpp; out, lse, delta, dq, dk, dv: A */
  ERGON_ENTRY(attention_forward, const struct ErgonAttention* host_call, const struct ErgonHeads* q, const struct ErgonHeads* k,
              const struct ErgonHeads* v, const struct ErgonHeads* out, const struct ErgonRows* lse, void* stream);
  ERGON_ENTRY(attention_backward, const struct ErgonAttention* host_call, const struct ErgonHeads* dout, const struct ErgonHeads* q,
              const struct ErgonHeads* k, const struct ErgonHeads* v, const struct ErgonRows* lse, const struct ErgonRows* delta,
              const struct ErgonHeads* dq, const struct ErgonHeads* dk, const struct ErgonHeads* dv, void* stream);
  ERGON_ENTRY(attention_delta, void* delta, const void* dout, enum ErgonDtype dout_dtype, const void* out, enum ErgonDtype out_dtype,
              int64_t batch, int64_t length, int64_t heads, int64_t width, ERGON_TAIL);
#undef ERGON_ENTRY
#undef ERGON_TAIL
};

#ifdef __cplusplus
extern "C" {
#endif
/* The table of CUDA kernels (kernel_table.cu). */
const struct ErgonKernelTable* ergon_cuda_kernels(void);
#ifdef __cplusplus
}
#endif

#endif
