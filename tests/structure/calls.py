# SPDX-License-Identifier: Apache-2.0
"""Calls that have one home: durable input and output in trainer/storage.cpp, matrix products in trainer/kernels/gemm.cpp and trainer/attention/
(which share trainer/kernels/blas.hpp), H5Fopen in trainer/hdf5_reader.cpp. What differs by device has its homes too: kernels, their choice, and checkpoints, which
are written from host memory. And no #if inside a function body: variants differ by file."""
import re

import sources

STORAGE = {"trainer/storage.cpp", "trainer/storage.hpp"}
SYSTEM = "openat|creat|pwrite|pwritev|fsync|fdatasync|fallocate|posix_fallocate|ftruncate|mkdirat|unlinkat|renameat|renameat2|fopen|freopen|fdopen|mkstemp|mkdtemp|rmdir|linkat|symlink"
COMMON = "open|write|rename|mkdir|unlink|link|truncate|remove"
DURABLE = [
    re.compile(rf"(?<![\w.:>])(?:::|std::)?(?:{SYSTEM})\s*\("),
    re.compile(rf"(?<![\w>])(?:::|std::)(?:{COMMON})\s*\("),
    re.compile(r"(?<![\w.:>]) *(?<![\w>] )(?:open|rename|mkdir|unlink)\s*\((?=\s*\w+(?:\.c_str\(\)|,))"),
    re.compile(r"\b(?:std::)?(?:ofstream|fstream)\b(?!>)"),
    re.compile(r"\bfilesystem::(?:create_\w+|remove\w*|rename|copy\w*|resize_file)\b"),
]
PRODUCTS = "mm|addmm|bmm|baddbmm|addbmm|matmul|mv|addmv|addr|linear|einsum|tensordot|inner|chain_matmul|multi_dot|linalg_matmul|scaled_dot_product_attention"
GEMM = [
    re.compile(rf"(?:\bat::|\bat::native::|\bTensor::|\.|->)_?(?:{PRODUCTS})(?:_out|_outf)?_?\s*\("),
    re.compile(r"\b(?:cblas_\w+|mkldnn\w*|dnnl\w*|blas_gemm|[sd]gemm_?|cublas\w*[Gg]emm\w*|cublasLtMatmul)\s*(?:\(|::)"),
    re.compile(r"\b_scaled_dot_product\w*\s*\("),
]
GEMM_INCLUDE = re.compile(rf"^ATen/ops/_?(?:{PRODUCTS}|mkldnn\w*|_scaled_dot_product\w*)(?:_ops|_native)?\.h$|cblas|mkl|dnnl|kernels/blas\.hpp$")


# Opening an HDF5 file that somebody else may have written can crash the process: only the helper process does it.
OPENED = [re.compile(r"\bH5Fopen\s*\(")]
READ = [re.compile(r"\bread_hdf5_contents\s*\(")]
OPENS = {"trainer/hdf5_reader.cpp"}
READS = OPENS | {"trainer/hdf5_reader.hpp", "launch/h5_layout.cpp"}


# A run on a device is the same lines: nothing else in the trainer asks where a tensor lies.
BY_DEVICE = [re.compile(r"\bis_(?:cpu|cuda)\s*\(|\bkCUDA\b|\bDevice::(?:cpu|cuda)\b|[!=]=\s*(?:at::)?kCPU\b|\bkCPU\s*[!=]=")]


def may_ask_device(path):
    return not path.startswith("trainer/") or path.startswith(("trainer/kernels/", "trainer/attention/", "trainer/checkpoint/")) or path == "trainer/gemm_choice.cpp"


def may_multiply(path):
    return re.fullmatch(r"trainer/kernels/(?:gemm\w*\.cpp|cuda/gemm\.cu|blas\.hpp)", path) or path.startswith("trainer/attention/")


def violations(root):
    found = []
    for path in sources.files(root, [room for room in sources.ROOMS if room != "tests"]):
        source = sources.text(root, path)
        code = sources.bare(source)
        if path not in STORAGE:
            found += matches(path, code, DURABLE, "durable input and output goes through trainer/storage")
        if path not in OPENS:
            found += matches(path, code, OPENED, "HDF5 files are opened in the helper process only (trainer/hdf5_reader)")
        if path not in READS:
            found += matches(path, code, READ, "HDF5 files are looked into through Storage::hdf5")
        if not may_ask_device(path):
            found += matches(path, code, BY_DEVICE, "what differs by device is a kernel (trainer/kernels, trainer/attention) or a communicator")
        if not may_multiply(path) and path.split("/")[0] in ("parallel", "trainer", "launch"):
            found += matches(path, code, GEMM, "matrix products go through trainer/kernels/gemm")
            for line, _, name in sources.includes(source):
                if GEMM_INCLUDE.search(name):
                    found.append(f"{path}:{line}: <{name}>: matrix products go through trainer/kernels/gemm")
        found += conditionals(path, source, code)
    return found


def matches(path, code, patterns, why):
    return [f"{path}:{code.count(chr(10), 0, m.end()) + 1}: '{m.group(0).strip()}': {why}" for pattern in patterns for m in pattern.finditer(code)]


def conditionals(path, source, code):
    lines = [code.count("\n", 0, m.start()) + 1 for m in re.finditer(r"^[ \t]*#[ \t]*if", code, re.M)]
    bodies = sources.functions(source)
    return [f"{path}:{line}: #if inside {f.name}: variants differ by file" for line in lines for f in bodies if f.first < line < f.last]


CLEAN = {
    "trainer/storage.cpp": "void f() { ::open(p, 0); fsync(1); }\n",
    "trainer/kernels/gemm.cpp": "#include <ATen/ops/addmm.h>\nvoid f() { at::addmm_out(c, a, b); }\n",
    "trainer/kernels/x.cpp": "void f() { if (x.is_cuda()) g(); }\n",
    "trainer/x.cpp": "at::Device device = at::kCPU;\nvoid f() { y = x.to(at::kCPU); }\n",
    "trainer/attention/plain.cpp": "#include <ATen/ops/bmm.h>\nvoid f() { at::bmm(a, b); }\n",
    "trainer/a.cpp": "#include <fstream>\n#if defined(X)\n#endif\n// open(path, 0) fsync mm(\nvoid f() {\n  storage.rename(a, b);\n  storage->open(p);\n  gemm(a, b);\n  print(\"at::mm(\");\n  file.write(x);\n}\n"
                     "void open(const std::string& path);\n",
    "accounting/a.cpp": "Flops matmul(int m, int n);\n",
}
PLANTS = [
    ({"trainer/x.cpp": "void f() { int d = ::open(p, O_CREAT); }\n"}, "durable"),
    ({"trainer/x.cpp": "void f() { int d = open(path.c_str(), O_CREAT); }\n"}, "durable"),
    ({"launch/x.cpp": "void f() { std::ofstream file(p); }\n"}, "durable"),
    ({"trainer/checkpoint/x.cpp": "void f() {\n  fsync(d);\n}\n"}, "x.cpp:2: 'fsync('"),
    ({"launch/x.cpp": "void f() { std::filesystem::create_directories(p); }\n"}, "durable"),
    ({"launch/x.cpp": "void f() { std::rename(a, b); }\n"}, "durable"),
    ({"trainer/data/x.cpp": "void f() { H5Fopen(p, 0, 0); }\n"}, "helper process"),
    ({"trainer/data/x.cpp": "void f() { read_hdf5_contents(p, {}); }\n"}, "Storage::hdf5"),
    ({"trainer/layers/x.cpp": "void f() { y = at::mm(a, b); }\n"}, "matrix products"),
    ({"trainer/layers/x.cpp": "void f() { y = a.matmul(b); }\n"}, "matrix products"),
    ({"trainer/layers/x.cpp": "void f() { y.addmm_(a, b); }\n"}, "matrix products"),
    ({"trainer/layers/x.cpp": "void f() { cblas_sgemm(1); }\n"}, "matrix products"),
    ({"trainer/layers/x.cpp": "#include <ATen/ops/bmm.h>\n"}, "matrix products"),
    ({"trainer/layers/x.cpp": "#include \"trainer/kernels/blas.hpp\"\n"}, "matrix products"),
    ({"trainer/kernels/cuda/x.cu": "void f() { cublasGemmEx(handle); }\n"}, "matrix products"),
    ({"trainer/kernels/x.cpp": "void f() { blas_gemm('n', 't', 1); }\n"}, "matrix products"),
    ({"trainer/x.cpp": "void f() { if (x.is_cuda()) g(); }\n"}, "differs by device"),
    ({"trainer/layers/x.cpp": "void f() { if (config.run.device == Device::cuda) g(); }\n"}, "differs by device"),
    ({"trainer/x.cpp": "void f() { if (device.type() == at::kCPU) g(); }\n"}, "differs by device"),
    ({"parallel/x.cpp": "void f() {\n#ifdef X\n  g();\n#endif\n}\n"}, "#if inside"),
]
