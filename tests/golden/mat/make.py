# MATLAB files of level 5 as scipy 1.10.1 writes them: python3 make.py FOLDER
import sys, numpy as np, scipy.io as sio
out=sys.argv[1]
cells=np.empty((2,1),dtype=object); cells[0,0]="n02085620-Chihuahua/n02085620_10074.jpg"; cells[1,0]="n02096294-Australian_terrier/ä_1.jpg"
ann=np.zeros((1,3),dtype=[('bbox_x1','O'),('class','O'),('fname','O'),('relative_im_path','O')])
for i in range(3): ann[0,i]=(np.array([[39*(i+1)]],dtype=np.uint8), np.array([[i+1]],dtype=np.uint8 if i<2 else np.float64), f"{i+1:05d}.jpg", "")
d=dict(labels=np.array([[77,1,102,300]],dtype=np.uint16), minus=np.array([[-1.5,2],[3e10,-7]]), big=np.array([[2**40]],dtype=np.int64), single=np.array([[0.25]],dtype=np.float32),
  small=np.array([[-3,5]],dtype=np.int8), flag=np.array([[True,False]]), file_list=cells, annotations=ann, empty=np.zeros((0,0)), text="plain text", complex=np.array([[1+2j]]), nested={'a':{'b':np.array([[5.0]])}})
sio.savemat(out+'/scipy_plain.mat', d, do_compression=False, long_field_names=True)
sio.savemat(out+'/scipy_zlib.mat', d, do_compression=True)
import scipy.sparse
sio.savemat(out+'/scipy_sparse.mat', dict(s=scipy.sparse.eye(3).tocsc(), labels=np.array([[1,2]])))
