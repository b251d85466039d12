namespace Moe.Inference.Quantization;

/// <summary>Receives a format as a type argument: the one place where an element type known at run time becomes a generic parameter.</summary>
/// <typeparam name="TResult">What the visit makes, typically a kernel.</typeparam>
internal interface IFormatVisitor<TResult>
{
    /// <summary>The format has blocks of 256 weights.</summary>
    TResult VisitSuper<T>()
        where T : struct, ISuperBlock<T>;

    /// <summary>The format has blocks of 32 weights.</summary>
    TResult VisitSmall<T>()
        where T : struct, ISmallBlock<T>;

    /// <summary>The format is plain floating-point numbers.</summary>
    TResult VisitFloat<T>()
        where T : struct, IFloatElement<T>;
}
