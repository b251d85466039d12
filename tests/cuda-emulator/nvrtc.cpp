// Emulated NVRTC: g++ makes a shared library of a program, and that library is the "cubin".
#include <dlfcn.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "kernel_names.h"

#define EMU_NVRTC extern "C" __attribute__((visibility("default"))) int

namespace fs = std::filesystem;
using std::string;

namespace
{
    enum
    {
        Success = 0,
        InvalidInput = 3,
        InvalidProgram = 4,
        InvalidOption = 5,
        CompilationFailed = 6,
        NoNamesAfterCompilation = 8,
        NoLoweredNamesBeforeCompilation = 9,
        NameNotValid = 10,
        InternalError = 11,
    };

    struct Header
    {
        string name, text;
    };

    struct Program
    {
        string name, source, log, binary;
        std::vector<Header> headers;
        std::vector<std::unique_ptr<string>> expressions;
        bool is_compiled = false, is_virtual = false; // virtual: for a compute_ architecture, which gives only PTX
    };

    std::mutex lock;
    std::set<Program*> programs;

    string read(const fs::path& path)
    {
        std::ifstream file(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }

    void write(const fs::path& path, const string& text)
    {
        fs::create_directories(path.parent_path());
        std::ofstream(path, std::ios::binary) << text;
    }

    // The emulator's own folder: its headers lie beside the library.
    fs::path own_folder()
    {
        Dl_info info;
        dladdr(reinterpret_cast<void*>(&own_folder), &info);
        return fs::absolute(info.dli_fname).parent_path();
    }

    string own_library()
    {
        Dl_info info;
        dladdr(reinterpret_cast<void*>(&own_folder), &info);
        return fs::absolute(info.dli_fname).string();
    }

    fs::path cache_folder()
    {
        if (const char* folder = getenv("MOE_EMU_CACHE")) return folder;
        return fs::temp_directory_path() / ("moe-cuda-emulator-" + std::to_string(getuid()));
    }

    uint64_t hash(const std::vector<string>& parts)
    {
        uint64_t h = 0xCBF29CE484222325;
        auto add = [&](unsigned char byte) { h = (h ^ byte) * 0x100000001B3; };
        for (const string& part : parts)
        {
            for (unsigned char c : part) add(c);
            for (size_t n = part.size() + 1; n; n >>= 8) add((unsigned char)n);
        }

        return h;
    }

    const std::vector<string>& own_headers()
    {
        static const std::vector<string> texts = [&]
        {
            std::vector<string> all;
            for (const char* name : {"abi.h", "emulated_device.h", "ptx_emulated.cuh", "emulated_warps.h"}) all.push_back(read(own_folder() / name));
            return all;
        }();
        return texts;
    }

    string unique_name()
    {
        static std::atomic<int> count;
        return std::to_string(getpid()) + "-" + std::to_string(++count);
    }

    // Runs a command and returns whether it succeeded; what it printed goes to the log.
    bool run(const std::vector<string>& command, const fs::path& folder, string& log)
    {
        fs::path output = folder / ("output-" + unique_name());
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, 1, output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
        posix_spawn_file_actions_adddup2(&actions, 1, 2);
        std::vector<char*> arguments;
        for (const string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
        arguments.push_back(nullptr);
        pid_t child;
        int status = -1;
        if (posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ) == 0) waitpid(child, &status, 0);
        posix_spawn_file_actions_destroy(&actions);
        log += read(output);
        fs::remove(output);
        return WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }

    struct Options
    {
        std::vector<string> preprocessor;
        string standard = "c++17", architecture = "520";
        bool is_virtual = true;
    };

    bool starts(const string& text, const char* with) { return text.rfind(with, 0) == 0; }

    // Takes what concerns the preprocessor and the architecture; what concerns only the device's code has no meaning here.
    bool parse(const std::vector<string>& given, Options& options)
    {
        for (size_t i = 0; i < given.size(); i++)
        {
            string option = given[i];
            if (option.empty() || option[0] != '-') return false;
            bool takes_next = option == "-D" || option == "-I" || option == "-U" || option == "-arch" || option == "-std";
            if (takes_next && i + 1 == given.size()) return false;
            if (takes_next) option += (option.size() > 2 ? "=" : "") + given[++i];
            string value = option.substr(option.find('=') + 1);
            if (starts(option, "-D") || starts(option, "-I") || starts(option, "-U")) options.preprocessor.push_back(option);
            else if (starts(option, "--define-macro=")) options.preprocessor.push_back("-D" + value);
            else if (starts(option, "--include-path=")) options.preprocessor.push_back("-I" + value);
            else if (starts(option, "-std=") || starts(option, "--std=")) options.standard = value;
            else if (starts(option, "--gpu-architecture=") || starts(option, "-arch="))
            {
                if (!starts(value, "sm_") && !starts(value, "compute_")) return false;
                options.is_virtual = starts(value, "compute_");
                options.architecture = value.substr(value.find('_') + 1);
                while (!isdigit((unsigned char)options.architecture.back())) options.architecture.pop_back();
                options.architecture += "0";
            }
        }

        return true;
    }

    string module_table(const std::set<string>& names, const Program& program, const fs::path& module)
    {
        std::ostringstream text;
        text << "\n# 1 \"name expressions\"\nnamespace {\nthread_local char moe_probe;\n"
             << "const ::moe_emu::Kernel moe_kernels[] = {\n";
        for (const string& name : names) text << "moe_kernel(\"" << name << "\", " << name << "),\n";
        for (auto& expression : program.expressions) text << "moe_kernel(R\"moe(" << *expression << ")moe\", " << *expression << "),\n";
        text << "{nullptr, nullptr, nullptr, nullptr, 0}};\n}\n"
             << "extern \"C\" __attribute__((visibility(\"default\"), used)) const ::moe_emu::Module moe_emu_module = {R\"moe(" << module.string() << ")moe\", moe_kernels, "
             << names.size() + program.expressions.size() << ", [] { *(volatile char*)&moe_probe = 0; }};\n";
        return text.str();
    }

    int compile(Program& program, const std::vector<string>& given)
    {
        Options options;
        if (!parse(given, options)) return InvalidOption;
        program.is_virtual = options.is_virtual;

        bool sanitized = !getenv("MOE_EMU_SANITIZE") || strcmp(getenv("MOE_EMU_SANITIZE"), "0") != 0;
        std::vector<string> parts = {own_library(), program.name, program.source, sanitized ? "sanitized" : ""};
        parts.insert(parts.end(), own_headers().begin(), own_headers().end());
        parts.insert(parts.end(), given.begin(), given.end());
        for (auto& header : program.headers) parts.insert(parts.end(), {header.name, header.text});
        for (auto& expression : program.expressions) parts.push_back(*expression);
        char key[20];
        snprintf(key, sizeof key, "%016llx", (unsigned long long)hash(parts));

        fs::path folder = cache_folder() / key, module = folder / "module.so";
        if (fs::exists(module))
        {
            program.binary = read(module);
            return Success;
        }

        fs::path source = folder / "source" / fs::path(program.name).filename();
        write(source, program.source);
        for (auto& header : program.headers)
            write(folder / "source" / header.name, fs::path(header.name).filename() == "ptx.cuh" ? own_headers()[2] : header.text);

        string unique = unique_name();
        fs::path text = folder / (unique + ".ii"), object = folder / (unique + ".o"), library = folder / (unique + ".so");
        std::vector<string> common = {"-std=gnu++" + options.standard.substr(options.standard.find_last_not_of("0123456789az") + 1),
            "-Wno-attributes", "-fno-diagnostics-color", "-fno-exceptions", "-w"};
        std::vector<string> preprocess = {"g++", "-E", "-x", "c++"};
        preprocess.insert(preprocess.end(), common.begin(), common.end());
        preprocess.insert(preprocess.end(), {"-I" + own_folder().string(), "-I" + (folder / "source").string(), "-include", "emulated_device.h",
            "-march=x86-64-v3", "-D__CUDA_ARCH__=" + options.architecture});
        preprocess.insert(preprocess.end(), options.preprocessor.begin(), options.preprocessor.end());
        preprocess.insert(preprocess.end(), {source.string(), "-o", text.string()});
        if (!run(preprocess, folder, program.log)) return CompilationFailed;

        string preprocessed = read(text);
        write(text, preprocessed + module_table(moe_emu::c_kernel_names(preprocessed), program, module));
        std::vector<string> make = {"g++", "-c", "-x", "c++", "-fpreprocessed", "-O2", "-g1", "-march=x86-64-v3", "-fPIC", "-fvisibility=hidden",
            "-fno-gnu-unique", "-fno-strict-aliasing", "-fwrapv", "-ffp-contract=fast", "-fno-math-errno"};
        make.insert(make.end(), common.begin(), common.end());
        if (sanitized) make.insert(make.end(), {"-fsanitize=alignment,bounds", "-fno-sanitize-recover=all"});
        make.insert(make.end(), {text.string(), "-o", object.string()});
        bool made = run(make, folder, program.log)
            && run({"g++", "-shared", "-o", library.string(), object.string(), own_library()}, folder, program.log);
        if (made) fs::rename(library, module);
        fs::remove(text);
        fs::remove(object);
        if (!made) return CompilationFailed;
        program.binary = read(module);
        return Success;
    }

    // Every call. Programs are compiled side by side; one program is used by one thread at a time.
    template <class F>
    int with(Program* program, F body)
    {
        {
            std::lock_guard guard(lock);
            if (!programs.count(program)) return InvalidProgram;
        }

        try
        {
            return body(*program);
        }
        catch (const std::exception& problem)
        {
            program->log += problem.what();
            return InternalError;
        }
    }
}

// The minor version depends on the emulator's own headers, so that nothing compiled by another NVRTC, or by the emulator before a
// change, is taken from a cache of its user.
EMU_NVRTC nvrtcVersion(int* major, int* minor)
{
    *major = 12;
    *minor = 1000 + (int)(hash(own_headers()) % 1000000);
    return Success;
}

EMU_NVRTC nvrtcCreateProgram(Program** result, const char* source, const char* name, int count, const char* const* headers, const char* const* names)
{
    if (!result || !source || count < 0) return InvalidInput;
    auto* program = new Program;
    program->source = source;
    program->name = name && *name ? name : "default_program";
    for (int i = 0; i < count; i++) program->headers.push_back({names[i], headers[i]});
    std::lock_guard guard(lock);
    programs.insert(program);
    *result = program;
    return Success;
}

EMU_NVRTC nvrtcDestroyProgram(Program** program)
{
    std::lock_guard guard(lock);
    if (!program || !programs.erase(*program)) return InvalidProgram;
    delete *program;
    *program = nullptr;
    return Success;
}

EMU_NVRTC nvrtcAddNameExpression(Program* program, const char* expression)
{
    return with(program, [&](Program& p)
    {
        if (p.is_compiled) return NoNamesAfterCompilation;
        p.expressions.push_back(std::make_unique<string>(expression));
        return Success;
    });
}

EMU_NVRTC nvrtcCompileProgram(Program* program, int count, const char* const* options)
{
    return with(program, [&](Program& p)
    {
        p.is_compiled = true;
        return (decltype(Success))compile(p, {options, options + count});
    });
}

EMU_NVRTC nvrtcGetCUBINSize(Program* program, size_t* size)
{
    return with(program, [&](Program& p) { return *size = p.is_virtual ? 0 : p.binary.size(), Success; });
}

EMU_NVRTC nvrtcGetCUBIN(Program* program, char* binary)
{
    return with(program, [&](Program& p) { return p.is_virtual ? InvalidInput : (memcpy(binary, p.binary.data(), p.binary.size()), Success); });
}

EMU_NVRTC nvrtcGetPTXSize(Program* program, size_t* size)
{
    return with(program, [&](Program& p) { return *size = p.binary.size(), Success; });
}

EMU_NVRTC nvrtcGetPTX(Program* program, char* text)
{
    return with(program, [&](Program& p) { return memcpy(text, p.binary.data(), p.binary.size()), Success; });
}

EMU_NVRTC nvrtcGetProgramLogSize(Program* program, size_t* size)
{
    return with(program, [&](Program& p) { return *size = p.log.size() + 1, Success; });
}

EMU_NVRTC nvrtcGetProgramLog(Program* program, char* log)
{
    return with(program, [&](Program& p) { return memcpy(log, p.log.c_str(), p.log.size() + 1), Success; });
}

// A name expression is its own lowered name: modules list kernels by it.
EMU_NVRTC nvrtcGetLoweredName(Program* program, const char* expression, const char** name)
{
    return with(program, [&](Program& p)
    {
        if (!p.is_compiled) return NoLoweredNamesBeforeCompilation;
        for (auto& known : p.expressions)
            if (*known == expression) return *name = known->c_str(), Success;
        return NameNotValid;
    });
}

extern "C" __attribute__((visibility("default"))) const char* nvrtcGetErrorString(int error)
{
    switch (error)
    {
        case Success: return "NVRTC_SUCCESS";
        case InvalidInput: return "NVRTC_ERROR_INVALID_INPUT";
        case InvalidProgram: return "NVRTC_ERROR_INVALID_PROGRAM";
        case InvalidOption: return "NVRTC_ERROR_INVALID_OPTION";
        case CompilationFailed: return "NVRTC_ERROR_COMPILATION";
        case NoNamesAfterCompilation: return "NVRTC_ERROR_NO_NAME_EXPRESSIONS_AFTER_COMPILATION";
        case NoLoweredNamesBeforeCompilation: return "NVRTC_ERROR_NO_LOWERED_NAMES_BEFORE_COMPILATION";
        case NameNotValid: return "NVRTC_ERROR_NAME_EXPRESSION_NOT_VALID";
        case InternalError: return "NVRTC_ERROR_INTERNAL_ERROR";
        default: return "NVRTC_ERROR unknown";
    }
}
