using Iced.Intel;

namespace Moe.Inference.Cpu.Jit;

/// <summary>Addresses of something that up to six tokens have, from three registers.</summary>
/// <param name="First">That of the first token.</param>
/// <param name="Fourth">That of the fourth token.</param>
/// <param name="Stride">Bytes from token to token.</param>
internal readonly record struct TokenAddress(AssemblerRegister64 First, AssemblerRegister64 Fourth, AssemblerRegister64 Stride)
{
    /// <summary>The address of a token.</summary>
    public AssemblerMemoryOperand Of(int token) => (token % 3) switch
    {
        0 => (token < 3 ? First : Fourth) + 0,
        1 => (token < 3 ? First : Fourth) + Stride,
        _ => (token < 3 ? First : Fourth) + (Stride * 2),
    };
}
