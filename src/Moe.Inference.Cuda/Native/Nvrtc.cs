using System.Runtime.InteropServices;

namespace Moe.Inference.Cuda.Native;

/// <summary>The part of NVRTC that is used (NVRTC documentation).</summary>
internal static unsafe partial class Nvrtc
{
    private const string Lib = NativeLibraries.NvrtcName;

    [LibraryImport(Lib, EntryPoint = "nvrtcVersion")]
    public static partial int Version(int* major, int* minor);

    [LibraryImport(Lib, EntryPoint = "nvrtcCreateProgram")]
    public static partial int CreateProgram(nint* program, byte* source, byte* name, int headers, byte** headerTexts, byte** headerNames);

    [LibraryImport(Lib, EntryPoint = "nvrtcCompileProgram")]
    public static partial int CompileProgram(nint program, int options, byte** optionTexts);

    [LibraryImport(Lib, EntryPoint = "nvrtcGetCUBINSize")]
    public static partial int GetCubinSize(nint program, nuint* bytes);

    [LibraryImport(Lib, EntryPoint = "nvrtcGetCUBIN")]
    public static partial int GetCubin(nint program, byte* image);

    [LibraryImport(Lib, EntryPoint = "nvrtcGetProgramLogSize")]
    public static partial int GetLogSize(nint program, nuint* bytes);

    [LibraryImport(Lib, EntryPoint = "nvrtcGetProgramLog")]
    public static partial int GetLog(nint program, byte* log);

    [LibraryImport(Lib, EntryPoint = "nvrtcDestroyProgram")]
    public static partial int DestroyProgram(nint* program);
}
