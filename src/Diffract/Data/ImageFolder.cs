namespace Diffract.Data;

/// <summary>Pictures in folders.</summary>
public static class ImageFolder
{
    /// <summary>
    /// All .jpg, .jpeg, .png and .webp files below a folder. A picture's class is the name of the folder it lies in; classes are numbered in ordinal order.
    /// Folders train, val or validation, and test at the top are splits. Pictures in the top folder, or right in a split, have no label (-1).
    /// Links are followed; names that begin with a dot are passed over.
    /// </summary>
    /// <exception cref="PictureException">There is no such folder, it cannot be read, or there is no picture in it.</exception>
    public static PictureSet Read(string folder) => ClassFolders.Read(new FolderFiles(folder));
}
