using System.Runtime.InteropServices;
using System.Text;
using Moe.Inference.Cuda.Native;

namespace Moe.Inference.Cuda.Compilation;

/// <summary>Compiles kernel sources for one architecture. Thread-safe.</summary>
/// <param name="architecture">Such as <c>sm_90a</c>.</param>
/// <param name="device">The device, as errors name it.</param>
internal sealed unsafe class KernelCompiler(string architecture, string device)
{
    /// <summary>NVRTC's version, such as <c>13.0</c>.</summary>
    public string Version { get; } = ReadVersion();

    /// <summary>The options that every source is compiled with.</summary>
    public string[] OptionsOf(KernelCode code) =>
        [$"--gpu-architecture={architecture}", "--std=c++17", "-default-device", "--fmad=true", .. code.Defines.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(define => $"-D{define}")];

    /// <summary>Compiles a source to machine code.</summary>
    /// <exception cref="DeviceException">The source does not compile; the message holds the compiler's whole log.</exception>
    public byte[] Compile(KernelCode code, string source, IReadOnlyDictionary<string, string> headers)
    {
        using NativeTexts names = new(headers.Keys), texts = new(headers.Values), options = new(OptionsOf(code)), main = new([source, code.File]);
        nint program = 0;
        Check(Nvrtc.CreateProgram(&program, main.Pointers[0], main.Pointers[1], headers.Count, texts.Pointers, names.Pointers), code, "the program could not be created");
        try
        {
            int result = Nvrtc.CompileProgram(program, options.Count, options.Pointers);
            if (result != 0)
                throw new DeviceException("compile", code.ToString(), device, $"NVRTC {Version} refused it:\n{LogOf(program)}", result);
            nuint bytes = 0;
            Check(Nvrtc.GetCubinSize(program, &bytes), code, "there is no machine code");
            byte[] image = new byte[bytes];
            fixed (byte* target = image)
                Check(Nvrtc.GetCubin(program, target), code, "there is no machine code");
            return image;
        }
        finally
        {
            _ = Nvrtc.DestroyProgram(&program);
        }
    }

    private static string ReadVersion()
    {
        int major = 0, minor = 0;
        return Nvrtc.Version(&major, &minor) == 0 ? $"{major}.{minor}" : "unknown";
    }

    private static string LogOf(nint program)
    {
        nuint bytes = 0;
        if (Nvrtc.GetLogSize(program, &bytes) != 0 || bytes == 0)
            return "no log";
        byte[] log = new byte[bytes];
        fixed (byte* target = log)
            return Nvrtc.GetLog(program, target) == 0 ? Encoding.UTF8.GetString(log).TrimEnd('\0', '\n') : "no log";
    }

    private void Check(int result, KernelCode code, string problem)
    {
        if (result != 0)
            throw new DeviceException("compile", code.ToString(), device, problem, result);
    }

    /// <summary>Texts as the compiler takes them: an array of pointers to UTF-8.</summary>
    private sealed class NativeTexts : IDisposable
    {
        public NativeTexts(IEnumerable<string> texts)
        {
            nint[] copies = [.. texts.Select(Marshal.StringToCoTaskMemUTF8)];
            Count = copies.Length;
            Pointers = (byte**)NativeMemory.Alloc((nuint)Math.Max(Count, 1), (nuint)sizeof(nint));
            for (int i = 0; i < Count; i++)
                Pointers[i] = (byte*)copies[i];
        }

        public int Count { get; }

        public byte** Pointers { get; }

        public void Dispose()
        {
            for (int i = 0; i < Count; i++)
                Marshal.FreeCoTaskMem((nint)Pointers[i]);
            NativeMemory.Free(Pointers);
        }
    }
}
